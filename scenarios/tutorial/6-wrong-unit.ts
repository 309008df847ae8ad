import { descriptors, dma_wmb, scenario } from 'dmalab';
import { cardEntry } from './1-format';
import { BOARD } from './2-machine';
import { cardDriver, entryAt, loadDriver, type Give } from './3-driver';
import { sendOne } from './4-first-packet';

const publish = descriptors.publisher(cardEntry);

/** Counts bytes, where the card counts words of four. */
const give: Give = ({ dev, tx }, ring, { dma, length }) => {
  const entry = cardEntry.cursor();
  entry.ADDR = dma;
  entry.LEN = ring === tx ? length : length / 4;
  entry.FIRST = ring === tx;
  entry.LAST = ring === tx;
  entry.OWN = true;
  publish(dev.kernel.mm, entryAt(ring, ring.head), entry.lanes, () => dma_wmb(dev.kernel));
};

export default scenario({
  name: 'tutorial-wrong-unit',
  description: 'lengths in bytes, where the card counts words of four',
  machine: BOARD,
  reports: { expect: ['DMA-DESC-UNMAPPED'] },
  async run(lab) {
    const card = await loadDriver(lab, cardDriver(give));
    const bytes = await sendOne(lab, card, 64);
    lab.note(bytes === undefined ? 'nothing came back' : `${bytes.length} bytes came back`);
  },
});
