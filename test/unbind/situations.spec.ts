import { LAZY, STRICT } from './lib/back-ends';
import { sweep, THOROUGH } from './lib/sweep';

const KINDS = THOROUGH ? ['streaming maps', 'coherent memory', 'owned SG tables'] : ['streaming maps'];

sweep('by the completion callback', KINDS);
sweep('rebound at once', KINDS);
sweep('pulled out', KINDS);
sweep('pulled out halfway', KINDS);
// Without an IOMMU there are no groups.
sweep('sharing its group', ['streaming maps', 'coherent memory'].slice(0, THOROUGH ? 2 : 1), [STRICT, LAZY]);
