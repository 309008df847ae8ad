import { KINDS } from './lib/memory-kinds';
import { sweep, THOROUGH } from './lib/sweep';

/** Every kind of memory. Fewer in the quick run: the other kinds meet the same hooks. */
const QUICK = ['streaming maps', 'owned SG tables', 'managed coherent memory', "OSTD's DmaStream"];

sweep('by a task', THOROUGH ? Object.keys(KINDS) : QUICK);
