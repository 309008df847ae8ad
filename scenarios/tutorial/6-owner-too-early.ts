import { dma_wmb, scenario } from 'dmalab';
import { cardEntry } from './1-format';
import { BOARD } from './2-machine';
import { cardDriver, entryAt, loadDriver, type Give } from './3-driver';
import { sendOne } from './4-first-packet';

/** Stores OWN with the length, and the address after it. The barrier does not help: it stands between the wrong two. */
const give: Give = ({ dev, tx }, ring, { dma, length }) => {
  const { mm } = dev.kernel;
  const entry = cardEntry.cursor();
  entry.LEN = length / 4;
  entry.FIRST = ring === tx;
  entry.LAST = ring === tx;
  entry.OWN = true;
  cardEntry.save(mm, entryAt(ring, ring.head), entry.lanes);
  dma_wmb(dev.kernel);
  entry.ADDR = dma;
  cardEntry.save(mm, entryAt(ring, ring.head), entry.lanes);
};

export default scenario({
  name: 'tutorial-owner-too-early',
  description: 'the card may take an entry whose address is not there yet',
  machine: BOARD,
  reports: { expect: ['DMA-DESC-EARLY'] },
  async run(lab) {
    const card = await loadDriver(lab, cardDriver(give));
    const bytes = await sendOne(lab, card, 64);
    lab.note(bytes === undefined ? 'nothing came back' : `${bytes.length} bytes came back`);
  },
});
