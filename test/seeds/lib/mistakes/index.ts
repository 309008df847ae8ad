import type { DriverMistake } from './driver-mistake';
import { SYNC_MISTAKES } from './forgotten-syncs';
import { ADDRESS_MISTAKES } from './wrong-addresses';
import { MAPPING_MISTAKES } from './wrong-mappings';
import { UNDOING_MISTAKES } from './wrong-undoing';

export type { DriverMistake } from './driver-mistake';
export { isCached } from './ways';

/** All of them, in the order in which the seeds of their tests go. */
export const DRIVER_MISTAKES: readonly DriverMistake[] = [
  ...SYNC_MISTAKES,
  ...UNDOING_MISTAKES,
  ...MAPPING_MISTAKES,
  ...ADDRESS_MISTAKES,
];
