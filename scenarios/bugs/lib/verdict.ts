import { expectBytes, firstDifference, type ScenarioContext } from 'dmalab';
import { driverOf } from './exhibit';

/** How the note begins that says that a bug did harm. */
export const HARM = 'wrong: ';

/**
 * Compares what somebody got with what should be there. With the fixed driver a difference fails the scenario; with the buggy
 * one it is noted, since whether there is one depends on the machine and on chance.
 */
export const judge = (lab: ScenarioContext, found: Uint8Array, right: Uint8Array, what: string): void => {
  if (driverOf(lab) === 'fixed') {
    expectBytes(found, right, what);
    return;
  }
  const at = firstDifference(found, right);
  if (at < 0) {
    lab.note(`${what}: all ${right.length} bytes are right, by luck`);
    return;
  }
  let wrong = 0;
  for (let i = at; i < right.length; i++) if (found[i] !== right[i]) wrong++;
  lab.note(`${HARM}${what}: ${wrong} of ${right.length} bytes, from byte ${at} on`);
};

/** The same for anything else that has to hold. */
export const judgeThat = (lab: ScenarioContext, holds: boolean, harm: string): void => {
  if (driverOf(lab) === 'fixed') lab.check(holds, harm);
  else if (!holds) lab.note(HARM + harm);
};
