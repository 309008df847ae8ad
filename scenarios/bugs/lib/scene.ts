import { GuardedBuffer, fillPattern, type ScenarioContext, type VirtAddr } from 'dmalab';
import { withEngine, type Engine } from './engine';

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
