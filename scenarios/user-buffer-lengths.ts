import {
  FOLL_WRITE,
  GFP_KERNEL,
  PAGE_SIZE,
  SgTable,
  UserProcess,
  expectBytes,
  firstDifference,
  for_each_sgtable_sg,
  offsetInPage,
  patternBytes,
  pin_user_pages_fast,
  scenario,
  sg_alloc_table,
  sg_free_table,
  sg_set_page,
  unpin_user_pages_dirty_lock,
  virtAddr,
  type Page,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import { Neighbours, pagesOf, receive } from './lib/user-buffer';

const OFFSET = 1000;
const LENGTH = 3 * PAGE_SIZE + 500;
const SEED = 0xbad;

/** The mistake, known from a tutorial: every entry gets the offset and the whole length of the buffer. */
const listWithFullLengths = (lab: ScenarioContext, pages: readonly Page[], buffer: VirtAddr): SgTable => {
  const sgt = new SgTable(lab.kernel);
  lab.ok(sg_alloc_table(sgt, pages.length, GFP_KERNEL), 'sg_alloc_table');
  let index = 0;
  for (const sg of for_each_sgtable_sg(sgt)) sg_set_page(sg, pages[index++]!, LENGTH, offsetInPage(buffer));
  return sgt;
};

export default scenario({
  name: 'user-buffer-lengths',
  description: 'every entry of a list has the length of the whole buffer: the device writes to pages of others',
  machine: { nodes: [{ label: 'copier', compatible: ['dmalab,sg-copier'] }] },
  matrix: { translation: ['direct', 'strict', 'lazy', 'passthrough'], coherency: 'all', cache: 'all' },
  // Others may free their pages while they are mapped by mistake.
  reports: { expect: ['DMA-OVERLAP'], allow: ['DMA-FREE-MAPPED'] },
  async run(lab) {
    const { kernel } = lab;
    const process = new UserProcess(kernel);
    const buffer = virtAddr(process.allocate(8 * PAGE_SIZE) + OFFSET);
    const neighbours = new Neighbours(lab, process, buffer, LENGTH);

    const pages: Page[] = [];
    const count = pagesOf(buffer, LENGTH);
    const pinned = process.syscall(() => pin_user_pages_fast(kernel, buffer, count, FOLL_WRITE, pages));
    lab.equal(pinned, count, 'pages pinned');
    const sgt = listWithFullLengths(lab, pages, buffer);
    await receive(lab, sgt, LENGTH, SEED);
    sg_free_table(sgt);
    unpin_user_pages_dirty_lock(pages, count, true);

    // The IOMMU is no help: it maps what the list says, and no fault is recorded.
    lab.equal(kernel.iommu.faults.length, 0, 'fault records');
    const inFirstPage = PAGE_SIZE - OFFSET;
    expectBytes(process.read(buffer, inFirstPage), patternBytes(SEED, 0, inFirstPage), 'what is in the first page');
    const damaged = neighbours.damaged();
    lab.check(damaged > 0, 'the device should have written to pages of others');
    const rest = process.read(virtAddr(buffer + inFirstPage), LENGTH - inFirstPage);
    const difference = firstDifference(rest, patternBytes(SEED, inFirstPage, rest.length));
    lab.equal(difference, 0, 'the first wrong byte of the second page');
    lab.note(`the list claims ${count * LENGTH} bytes, and its first entry took all ${LENGTH} that came`);
    lab.note(
      `${damaged} bytes in pages of others are overwritten; the process finds its data up to byte ${inFirstPage}`,
    );
    neighbours.free();
    process.exit();
  },
});
