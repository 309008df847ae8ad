import type { Format } from './format';
import type { EntryRoles } from './roles';

/**
 * Whether an entry's own marks give it to the device: its owner bit, or the phase of the lap. Where indices, links or a doorbell
 * alone give entries away, every entry that they reach is.
 */
export const isGivenByMarks = ({ ownership }: Format, roles: EntryRoles, lanes: Int32Array, phase: number): boolean => {
  if (ownership.kind === 'indices') return true;
  if (ownership.kind === 'bit') return roles.marked('owner', lanes);
  const now = (role: 'phase' | 'used-phase'): number => (roles.marked(role, lanes) ? 1 : 0);
  if (now('phase') !== phase) return false;
  return roles.markField('used-phase') === undefined || now('used-phase') !== phase;
};
