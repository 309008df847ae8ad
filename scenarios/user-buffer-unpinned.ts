import {
  FOLL_WRITE,
  GFP_KERNEL,
  PAGE_SIZE,
  SgTable,
  UserProcess,
  expectBytes,
  get_user_pages_fast,
  patternBytes,
  put_page,
  scenario,
  sg_alloc_table_from_pages,
  sg_free_table,
  virtAddr,
  type Page,
} from 'dmalab';
import { receive } from './lib/user-buffer';

/** The buffer is the second half of a page; a counter of the process is in the first. */
const OFFSET = 2048;
const LENGTH = 2048;
const SEED = 0xf02c;

export default scenario({
  name: 'user-buffer-unpinned',
  description: 'get_user_pages in the place of pin_user_pages: after a fork the device writes to the page of the child',
  machine: { nodes: [{ label: 'copier', compatible: ['dmalab,sg-copier'] }] },
  matrix: { translation: 'all', coherency: 'all', mask: 'all', cache: 'all' },
  async run(lab) {
    const { kernel } = lab;
    const process = new UserProcess(kernel);
    const page = process.allocate(PAGE_SIZE);
    const buffer = virtAddr(page + OFFSET);

    // The mistake: the page cannot go away, but nothing says that it has to stay the process's page.
    const pages: Page[] = [];
    const got = process.syscall(() => get_user_pages_fast(kernel, buffer, 1, FOLL_WRITE, pages));
    lab.equal(got, 1, 'pages held');
    const sgt = new SgTable(kernel);
    lab.ok(sg_alloc_table_from_pages(sgt, pages, 1, OFFSET, LENGTH, GFP_KERNEL), 'sg_alloc_table_from_pages');

    const child = lab.ok(process.fork(), 'fork');
    process.store32(page, 1);
    lab.note('a store after the fork gave the process another page; the device still has the old one');
    await receive(lab, sgt, LENGTH, SEED);
    sg_free_table(sgt);
    for (const held of pages) put_page(held);

    expectBytes(process.read(buffer, LENGTH), new Uint8Array(LENGTH), 'the buffer, which nothing should have reached');
    expectBytes(child.read(buffer, LENGTH), patternBytes(SEED, 0, LENGTH), 'the page of the child');
    child.exit();
    process.exit();
  },
});
