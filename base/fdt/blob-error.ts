import { LabError } from '../errors';
import { hex } from '../u64';

/** Throws the `LabError` for a blob that is no device tree: what is wrong, and at which byte. */
export const badBlob = (offset: number, problem: string): never => {
  const place = `byte ${hex(offset)}`;
  throw new LabError(`The device tree blob is malformed at ${place}: ${problem}.`, {
    what: `device tree blob, ${place}`,
  });
};
