import { scenario, GFP_KERNEL, fillPattern, kmalloc, msleep, EBUSY, kfree } from 'dmalab';
import { cardEntry } from './1-format';
import { BOARD } from './2-machine';
import { cardDriver, entryAt, loadDriver, xmit, type Give } from './3-driver';

/** Stores the words of an entry from the first to the last, the owner bit among them. */
const give: Give = ({ dev, tx }, ring, { dma, length }) => {
  const entry = cardEntry.cursor();
  entry.ADDR = dma;
  entry.LEN = length / 4;
  entry.FIRST = entry.LAST = ring === tx;
  entry.OWN = true;
  cardEntry.save(dev.kernel.mm, entryAt(ring, ring.head), entry.lanes);
};

export default scenario({
  name: 'tutorial-owner-too-early',
  description: 'lengths in bytes, where the card counts words of four',
  machine: { ...BOARD, cache: { adversarial: true } },
  async run(lab) {
    const { kernel } = lab;
    const card = await loadDriver(lab, cardDriver(give));
    let n = 0;
    card.receive = () => {
      n++;
    };
    for (let i = 0; i < 64; i++) {
      const packet = lab.ok(kmalloc(kernel, 64, GFP_KERNEL) || null, 'kmalloc');
      fillPattern(kernel, packet, 64, 1);
      if (xmit(card, packet, 64) === -EBUSY) {
        kfree(kernel, packet);
        await msleep(kernel, 1);
      }
    }
    await msleep(kernel, 1);
    lab.note(`${n} arrived, ${card.errors} errors`);
  },
});
