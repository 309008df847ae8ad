import { BOUNCED, CACHED_BACK_ENDS, DIRECT, LAZY, withCache } from './lib/back-ends';
import { KINDS } from './lib/memory-kinds';
import { sweep, THOROUGH } from './lib/sweep';

/** Devices that do not snoop, behind a CPU with a cache. Fewer in the quick run. */
const BACK_ENDS = THOROUGH
  ? CACHED_BACK_ENDS
  : [withCache(DIRECT, false), withCache(DIRECT, true), withCache(LAZY, true), withCache(BOUNCED, true)];

sweep('by a task', THOROUGH ? Object.keys(KINDS) : ['streaming maps', 'coherent memory'], BACK_ENDS);
sweep('rebound at once', ['streaming maps'], THOROUGH ? BACK_ENDS : [withCache(DIRECT, true)]);
sweep('pulled out halfway', ['streaming maps'], THOROUGH ? BACK_ENDS : [withCache(LAZY, true)]);
