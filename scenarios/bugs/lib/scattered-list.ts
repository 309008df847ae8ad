import {
  GFP_KERNEL,
  PAGE_SIZE,
  SgTable,
  __free_page,
  alloc_page,
  fillPattern,
  for_each_sgtable_sg,
  page_address,
  sg_alloc_table,
  sg_free_table,
  sg_set_page,
  sg_virt,
  type Page,
  type ScenarioContext,
} from 'dmalab';
import { withEngine, type Engine } from './engine';
import { OLD } from './scene';

/** Pages that do not follow one another in memory: every other one of those that the allocator gives. */
const scatteredPages = (lab: ScenarioContext, count: number): Page[] => {
  const all = Array.from({ length: 2 * count }, () => lab.ok(alloc_page(lab.kernel, GFP_KERNEL), 'alloc_page'));
  for (const [index, page] of all.entries()) if (index % 2 === 1) __free_page(page);
  return all.filter((_, index) => index % 2 === 0);
};

/** Fills what a list describes with the pattern. */
export const fillList = (lab: ScenarioContext, list: SgTable, seed: number): void => {
  let position = 0;
  for (const sg of for_each_sgtable_sg(list)) {
    fillPattern(lab.kernel, sg_virt(sg), sg.length, seed, position);
    position += sg.length;
  }
};

/** Several pieces, one after the other. */
export const joined = (pieces: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
};

/** What the CPU reads in a list. */
export const readList = (lab: ScenarioContext, list: SgTable): Uint8Array =>
  joined([...for_each_sgtable_sg(list)].map((sg) => lab.kernel.mm.read(sg_virt(sg), sg.length)));

/** Makes a `buggy` or `fixed` of a driver that works on a list of scattered pages. */
export const onList = (
  count: number,
  drive: (engine: Engine, list: SgTable, lab: ScenarioContext) => Promise<void>,
): ((lab: ScenarioContext) => Promise<void>) =>
  withEngine(async (engine, lab) => {
    const pages = scatteredPages(lab, count);
    const list = new SgTable(lab.kernel);
    lab.ok(sg_alloc_table(list, count, GFP_KERNEL), 'sg_alloc_table');
    let index = 0;
    for (const sg of for_each_sgtable_sg(list)) sg_set_page(sg, pages[index++]!, PAGE_SIZE, 0);
    for (const page of pages) fillPattern(lab.kernel, page_address(page), PAGE_SIZE, OLD);
    await drive(engine, list, lab);
    sg_free_table(list);
    for (const page of pages) __free_page(page);
  });
