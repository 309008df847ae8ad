import { descriptors, dma_wmb, scenario } from 'dmalab';
import { cardEntry } from './1-format';
import { BOARD } from './2-machine';
import { cardDriver, entryAt, loadDriver, type Give } from './3-driver';
import { sendOne } from './4-first-packet';

const publish = descriptors.publisher(cardEntry);

/** Forgets to say where the packet ends. */
const give: Give = ({ dev, tx }, ring, { dma, length }) => {
  const entry = cardEntry.cursor();
  entry.ADDR = dma;
  entry.LEN = length / 4;
  entry.FIRST = ring === tx;
  entry.OWN = true;
  publish(dev.kernel.mm, entryAt(ring, ring.head), entry.lanes, () => dma_wmb(dev.kernel));
};

export default scenario({
  name: 'tutorial-no-end-bit',
  description: 'no entry says that the packet ends there',
  machine: BOARD,
  reports: { expect: ['DMA-DESC-UNTERMINATED'] },
  async run(lab) {
    const card = await loadDriver(lab, cardDriver(give));
    const bytes = await sendOne(lab, card, 64);
    lab.note(bytes === undefined ? 'nothing came back' : `${bytes.length} bytes came back`);
  },
});
