import type { MachineOptions } from '../machine-options';
import { AXIS_NAMES, DECLARED_AXES, type Axis, type MatrixCase, type MatrixValues } from './axes';
import { valueWords } from './case-name';
import { whyLeftOut } from './left-out';

/** Something that is not run, and the sentence that says why. */
export interface LeftOut {
  /** Empty where it is the whole scenario. */
  readonly case: MatrixCase;
  readonly reason: string;
}

/** The cases of one scenario. */
export interface Expansion {
  readonly cases: readonly MatrixCase[];
  readonly leftOut: readonly LeftOut[];
}

/** The values of one axis that are both declared and selected; what is not declared is open to any selection. */
const narrow = (declared: readonly string[] | undefined, selected: readonly string[] | undefined): readonly string[] =>
  declared === undefined || selected === undefined
    ? (declared ?? selected ?? [])
    : declared.filter((value) => selected.includes(value));

const product = (axes: readonly Axis[], values: ReadonlyMap<Axis, readonly string[]>): MatrixCase[] => {
  let cases: Readonly<Record<string, string>>[] = [{}];
  for (const axis of axes) {
    cases = cases.flatMap((each) => values.get(axis)!.map((value) => ({ ...each, [axis]: value })));
  }
  return cases;
};

const leaveOut = (reason: string): Expansion => ({ cases: [], leftOut: [{ case: {}, reason }] });

/**
 * All combinations of the values that a scenario declares, as far as they are selected. An axis that is selected but not
 * declared is added, if it is about the machine; one that is neither stays as the scenario's own machine has it. The last axis
 * changes fastest.
 */
export const expandMatrix = (declared: MatrixValues, selected: MatrixValues, machine: MachineOptions): Expansion => {
  const axes = AXIS_NAMES.filter((axis) => declared[axis] !== undefined || selected[axis] !== undefined);
  const values = new Map(axes.map((axis) => [axis, narrow(declared[axis], selected[axis])]));
  const empty = axes.find((axis) => values.get(axis)!.length === 0);
  if (empty !== undefined) return leaveOut(`it holds on ${valueWords({ [empty]: declared[empty] }).join(' ')} only`);
  const foreign = axes.find((axis) => declared[axis] === undefined && DECLARED_AXES.has(axis));
  if (foreign !== undefined) return leaveOut(`it does not declare axis ${foreign}, which is not about the machine`);
  const all = product(axes, values).map((each) => ({ case: each, reason: whyLeftOut(each, machine) }));
  return {
    cases: all.filter(({ reason }) => reason === undefined).map((each) => each.case),
    leftOut: all.flatMap(({ case: each, reason }) => (reason === undefined ? [] : [{ case: each, reason }])),
  };
};
