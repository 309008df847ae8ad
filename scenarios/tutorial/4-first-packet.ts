import {
  Completion,
  GFP_KERNEL,
  complete,
  expectBytes,
  fillPattern,
  kmalloc,
  patternBytes,
  scenario,
  wait_for_completion_timeout,
  type ScenarioContext,
} from 'dmalab';
import { BOARD } from './2-machine';
import { cardDriver, loadDriver, xmit, type Card } from './3-driver';

/** Sends a packet, and waits for what arrives. Undefined if nothing does within ten jiffies. */
export const sendOne = async (lab: ScenarioContext, card: Card, length: number): Promise<Uint8Array | undefined> => {
  const { kernel } = lab;
  const arrived = new Completion(kernel, 'a packet');
  let bytes: Uint8Array | undefined;
  card.receive = (data, count) => {
    bytes = kernel.mm.read(data, count);
    complete(arrived);
  };
  const packet = lab.ok(kmalloc(kernel, length, GFP_KERNEL) || null, 'kmalloc');
  fillPattern(kernel, packet, length, 1);
  lab.ok(xmit(card, packet, length), 'xmit');
  await wait_for_completion_timeout(arrived, 10);
  return bytes;
};

export default scenario({
  name: 'tutorial-first-packet',
  description: 'one packet goes out, comes back, and is compared',
  machine: BOARD,
  async run(lab) {
    const card = await loadDriver(lab, cardDriver());
    const bytes = await sendOne(lab, card, 64);
    expectBytes(bytes ?? new Uint8Array(0), patternBytes(1, 0, 64), 'the packet');
    lab.note(`${bytes!.length} bytes came back`);
  },
});
