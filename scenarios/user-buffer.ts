import { IS_ERR, PAGE_SIZE, PROT_READ, UserProcess, for_each_sgtable_sg, scenario, virtAddr } from 'dmalab';
import { Neighbours, expectReceived, pinUserBuffer, receive, unpinUserBuffer } from './lib/user-buffer';

/** Begins and ends within a page, like most buffers. */
const OFFSET = 1000;
const LENGTH = 3 * PAGE_SIZE + 500;
const SEED = 0xb0f;

export default scenario({
  name: 'user-buffer',
  description: 'a device writes to the buffer of a process: pinned, listed, mapped, and given back',
  machine: { nodes: [{ label: 'copier', compatible: ['dmalab,sg-copier'] }] },
  matrix: { translation: 'all', coherency: 'all', mask: 'all', cache: 'all' },
  async run(lab) {
    const { kernel } = lab;
    const before = kernel.mm.statistics();
    const process = new UserProcess(kernel);
    const buffer = virtAddr(process.allocate(8 * PAGE_SIZE) + OFFSET);
    const neighbours = new Neighbours(lab, process, buffer, LENGTH);

    const pinned = lab.ok(
      process.syscall(() => pinUserBuffer(kernel, buffer, LENGTH)),
      'pinUserBuffer',
    );
    const pieces = [...for_each_sgtable_sg(pinned.sgt)].map(({ offset, length }) => `${length} at ${offset}`);
    lab.note(`${LENGTH} bytes at offset ${OFFSET} are ${pieces.join(', ')}`);
    await receive(lab, pinned.sgt, LENGTH, SEED);
    unpinUserBuffer(pinned);

    expectReceived(process, buffer, LENGTH, SEED);
    lab.equal(neighbours.damaged(), 0, 'bytes changed in pages of others');
    const readOnly = process.allocate(PAGE_SIZE, PROT_READ);
    const refused = process.syscall(() => pinUserBuffer(kernel, readOnly, 10));
    lab.check(IS_ERR(refused), 'a device must not write to what the process itself may not write');
    neighbours.free();
    process.exit();
    lab.equal(kernel.mm.statistics().pins, before.pins, 'pins');
    lab.equal(kernel.mm.statistics().userSpaces, before.userSpaces, 'address spaces');
  },
});
