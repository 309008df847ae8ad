import {
  EBUSY,
  GFP_KERNEL,
  expectBytes,
  fillPattern,
  kmalloc,
  msleep,
  patternBytes,
  platform_driver_unregister,
  scenario,
} from 'dmalab';
import { BOARD } from './2-machine';
import { BUFFER, ENTRIES, cardDriver, loadDriver, xmit } from './3-driver';

const PACKETS = 40;

export default scenario({
  name: 'tutorial-many-packets',
  description: 'forty packets of any length, in rings of eight entries',
  machine: BOARD,
  matrix: { translation: 'all', coherency: 'all', mask: 'all', cache: 'all' },
  async run(lab) {
    const { kernel, rng } = lab;
    const driver = cardDriver();
    const card = await loadDriver(lab, driver);
    const lengths = Array.from({ length: PACKETS }, () => 4 * rng.between(15, BUFFER / 4));
    let arrived = 0;
    card.receive = (data, length) => {
      expectBytes(kernel.mm.read(data, length), patternBytes(arrived, 0, lengths[arrived]!), `packet ${arrived}`);
      arrived++;
    };
    let full = 0;
    for (const [number, length] of lengths.entries()) {
      const packet = lab.ok(kmalloc(kernel, length, GFP_KERNEL) || null, 'kmalloc');
      fillPattern(kernel, packet, length, number);
      let error: number;
      while ((error = xmit(card, packet, length)) === -EBUSY) {
        full++;
        await msleep(kernel, 1);
      }
      lab.ok(error, 'xmit');
    }
    await msleep(kernel, 10);
    await platform_driver_unregister(kernel, driver);
    lab.equal(arrived, PACKETS, 'packets that came back');
    lab.equal(card.errors, 0, 'errors');
    lab.note(`${arrived} packets, ${PACKETS / ENTRIES} times around the ring, which was full ${full} times`);
  },
});
