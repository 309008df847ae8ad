import type { Kernel } from '../../kernel';

/** Polls that follow one another at once. */
const EAGER_POLLS = 8;
/** After those, a pause is this part of the time waited so far: that much later, at most, the end is noticed. */
const PAUSE_SHARE = 8;

/**
 * Samples until the condition holds (`readx_poll_timeout_atomic`). The samples read registers, which takes time; a
 * condition that does not come true soon is looked at less and less often, so that a dead IOMMU costs simulated time
 * and not the host's.
 *
 * @param timeoutUs simulated microseconds
 * @returns whether the condition came true in time.
 */
export const pollUntil = (kernel: Kernel, timeoutUs: number, done: () => boolean): boolean => {
  const { cpu } = kernel;
  const start = cpu.now;
  const deadline = start + timeoutUs * 1000;
  for (let polls = 1; !done(); polls++) {
    if (cpu.now > deadline) return done();
    if (polls < EAGER_POLLS) continue;
    const pause = Math.max(1, Math.floor((cpu.now - start) / PAUSE_SHARE));
    cpu.elapse(Math.min(pause, deadline - cpu.now + 1));
  }
  return true;
};
