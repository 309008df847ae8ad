import type { ScenarioContext, descriptors } from 'dmalab';
import { loopPackets } from './packet-loop';
import { bindEngine } from './prototype-port';

const RECEIVE = 0;
const TRANSMIT = 1;
const ENTRIES = 8;
const PACKETS = 18;

/** A virtio network device without a network: what its transmit queue sends arrives at its receive queue. */
export const virtioLoop = async (lab: ScenarioContext, device: string, format: descriptors.Format): Promise<void> => {
  const { port, unbind } = await bindEngine(lab, format, [
    { entries: ENTRIES, moves: 'to-memory', stream: { packets: true } },
    { entries: ENTRIES, moves: 'from-memory', stream: { loopTo: RECEIVE } },
  ]);
  await loopPackets(lab, {
    sender: { device, queue: port.queues[TRANSMIT]! },
    receiver: { device, queue: port.queues[RECEIVE]! },
    packets: PACKETS,
    spare: 100,
  });
  await unbind();
  lab.note(`${PACKETS} packets through rings of ${ENTRIES} entries; those of several pieces had indirect tables`);
};
