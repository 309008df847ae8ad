import type { AnyDescriptor } from './any-descriptor';
import type { Format, FormatSpec, Pieces } from './format';
import { FormatChecks } from './format-checks';
import type { Parameter } from './meaning';
import { contradiction } from './placement';

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

const descriptorsOf = ({ entry, follow, pieces, completion, events, also = [] }: FormatSpec): AnyDescriptor[] => {
  const all = [entry];
  if (follow.kind === 'heads') all.push(follow.header, follow.element);
  if (pieces?.kind === 'pages' || pieces?.kind === 'segments') all.push(pieces.element);
  if (pieces?.kind === 'by-shape') all.push(pieces.pages.element, pieces.segments.element);
  if (completion.kind === 'queue') all.push(completion.entry);
  if (completion.kind === 'used-ring') all.push(completion.header, completion.element);
  if (events !== undefined) all.push(events.flags, ...(events.index === undefined ? [] : [events.index]));
  return [...new Set([...all, ...also])];
};

/** The parameters of a format, each once. */
const parametersOf = (descriptors: readonly AnyDescriptor[], pieces: Pieces = { kind: 'own' }): Parameter[] => {
  const fields = descriptors.flatMap(({ placedFields, variantFields }) => [...placedFields, ...variantFields]);
  const units = fields.flatMap(({ meaning }) =>
    meaning?.kind === 'length' && typeof meaning.unit === 'object' ? [meaning.unit] : [],
  );
  const pages = pieces.kind === 'by-shape' ? pieces.pages : pieces.kind === 'pages' ? pieces : undefined;
  const all = typeof pages?.page === 'object' ? [...units, pages.page] : units;
  return [...new Map(all.map((one) => [one.name, one])).values()];
};

/**
 * Declares a format. One that contradicts itself (links without an address of the next entry, a phase where nothing laps,
 * a length told in another unit) is a `LabError` that names both places.
 */
export const format = <E extends AnyDescriptor>(spec: FormatSpec<E>): Format<E> => {
  if (!NAME.test(spec.name)) throw contradiction(spec.name, `${JSON.stringify(spec.name)} cannot name a format`);
  new FormatChecks(spec).run();
  const descriptors = descriptorsOf(spec);
  return {
    doc: '',
    pieces: { kind: 'own' },
    indirect: false,
    moves: 'by-queue',
    also: [],
    events: undefined,
    ...spec,
    jumps: spec.entry.fieldsThat('mark', 'jump').length > 0,
    descriptors,
    parameters: parametersOf(descriptors, spec.pieces),
  };
};
