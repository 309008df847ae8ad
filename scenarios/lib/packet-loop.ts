import type { PrototypeQueue, ScenarioContext } from 'dmalab';
import { anywhere, cutAnywhere, someLengths } from './lengths';
import { ScatteredBuffer } from './scattered-buffer';
import { Traffic } from './traffic';

/** One end of a loop: a queue, and the label of its engine. */
export interface LoopEnd {
  readonly device: string;
  readonly queue: PrototypeQueue;
}

/** Packets that one queue sends and another receives. */
export interface PacketLoop {
  readonly sender: LoopEnd;
  readonly receiver: LoopEnd;
  /** How many. */
  readonly packets: number;
  /** Bytes that a buffer has more than its packet. */
  readonly spare: number;
  /** Carries what was sent to the receiver, where the engine does not. */
  readonly wire?: () => void;
}

/** Sends packets of awkward lengths round a loop, and checks every byte of them and around them. */
export const loopPackets = async (
  lab: ScenarioContext,
  { sender, receiver, packets, spare, wire }: PacketLoop,
): Promise<void> => {
  const sent = someLengths(lab, packets).map((lengths, i) => {
    const buffer = new ScatteredBuffer(lab, anywhere(lab, lengths), `packet ${i}`);
    buffer.fill(i);
    return buffer;
  });
  const received = sent.map(({ length }, i) => {
    const room = cutAnywhere(lab, length + spare, 3);
    const buffer = new ScatteredBuffer(lab, anywhere(lab, room), `buffer ${i}`);
    buffer.fill(~i);
    return buffer;
  });

  const receiving = new Traffic(
    lab,
    receiver.device,
    receiver.queue,
    received.map(({ sgt }) => ({ in: sgt })),
  );
  const sending = new Traffic(
    lab,
    sender.device,
    sender.queue,
    sent.map(({ sgt }) => ({ out: sgt })),
  );
  await sending.finished();
  wire?.();
  await receiving.finished();
  lab.check(sending.full > 0 && receiving.full > 0, 'there should be more packets than the rings have room for');

  for (const [i, packet] of sent.entries()) {
    lab.equal(receiving.results[i]!.written, packet.length, `bytes received in buffer ${i}`);
    packet.expect(i, `packet ${i}`);
    received[i]!.expect(i, `buffer ${i}`, packet.length, ~i);
    packet.free();
    received[i]!.free();
  }
};
