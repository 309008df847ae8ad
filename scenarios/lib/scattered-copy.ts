import {
  GFP_KERNEL,
  PAGE_SIZE,
  SgTable,
  __free_page,
  alloc_page,
  expectPattern,
  fillPattern,
  for_each_sgtable_sg,
  page_address,
  platform_driver_register,
  platform_driver_unregister,
  sg_alloc_table,
  sg_free_table,
  sg_set_page,
  type Page,
  type ScenarioContext,
} from 'dmalab';
import { sgCopierDriver } from './sg-copier';

/** More entries than one page of `struct scatterlist` holds, so that the list is chained. */
const PAGES = 200;
const SEED = 0x5ca7;

/** Pages that do not follow one another in memory: every other one of those that the allocator gives. */
const scatteredPages = (lab: ScenarioContext, count: number): Page[] => {
  const pages: Page[] = [];
  const gaps: Page[] = [];
  for (let i = 0; i < 2 * count; i++) {
    const page = lab.ok(alloc_page(lab.kernel, GFP_KERNEL), 'alloc_page');
    (i % 2 === 0 ? pages : gaps).push(page);
  }
  for (const page of gaps) __free_page(page);
  return pages;
};

const tableOf = (lab: ScenarioContext, pages: readonly Page[]): SgTable => {
  const sgt = new SgTable(lab.kernel);
  lab.ok(sg_alloc_table(sgt, pages.length, GFP_KERNEL), 'sg_alloc_table');
  let index = 0;
  for (const sg of for_each_sgtable_sg(sgt)) sg_set_page(sg, pages[index++]!, PAGE_SIZE, 0);
  return sgt;
};

/** Copies a list of scattered pages to another and checks every byte. Returns the length of the list and of its mapping. */
export const copyScattered = async (lab: ScenarioContext): Promise<{ mapped: number; original: number }> => {
  const { kernel } = lab;
  const { driver, copier } = sgCopierDriver();
  lab.ok(await platform_driver_register(kernel, driver), 'platform_driver_register');

  const sources = scatteredPages(lab, PAGES);
  const targets = scatteredPages(lab, PAGES);
  sources.forEach((page, index) => fillPattern(kernel, page_address(page), PAGE_SIZE, SEED, index * PAGE_SIZE));
  const from = tableOf(lab, sources);
  const to = tableOf(lab, targets);

  lab.ok(await copier().copy(to, from), 'the copy');
  const mapped = from.nents;
  targets.forEach((page, index) => {
    expectPattern(kernel, page_address(page), PAGE_SIZE, SEED, `page ${index} of the copy`, index * PAGE_SIZE);
  });

  for (const sgt of [from, to]) sg_free_table(sgt);
  for (const page of [...sources, ...targets]) __free_page(page);
  await platform_driver_unregister(kernel, driver);
  return { mapped, original: PAGES };
};
