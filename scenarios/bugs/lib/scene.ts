import { GuardedBuffer, fillPattern, patternBytes, type ScenarioContext, type VirtAddr } from 'dmalab';
import { withEngine, type Engine } from './engine';
import { judge } from './verdict';

/** The bytes that are in a buffer before anybody works with it. */
export const OLD = 0x01d;

/**
 * Makes a `buggy` or `fixed` of a driver that works on one buffer of memory, which does not share cache lines. What lies around
 * it must not change.
 */
export const onBuffer = (
  length: number,
  drive: (engine: Engine, buffer: VirtAddr, lab: ScenarioContext) => Promise<void>,
): ((lab: ScenarioContext) => Promise<void>) =>
  withEngine(async (engine, lab) => {
    const memory = new GuardedBuffer(lab.kernel, length, 1024, 'the buffer');
    fillPattern(lab.kernel, memory.address, length, OLD);
    await drive(engine, memory.address, lab);
    memory.expectGuards();
    memory.free();
  });

/** Hands on what arrived. */
export type Deliver = (packet: Uint8Array, number: number) => void;

/** Makes a `buggy` or `fixed` of a driver that receives packets into one buffer, packet `n` of the pattern `n`. */
export const receivingPackets = (
  length: number,
  receive: (engine: Engine, buffer: VirtAddr, deliver: Deliver) => Promise<number>,
): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(length, async (engine, buffer, lab) => {
    const error = await receive(engine, buffer, (packet, number) =>
      judge(lab, packet, patternBytes(number, 0, length), `packet ${number}`),
    );
    lab.ok(error, 'receive');
  });
