import type { AnyDescriptor } from './any-descriptor';
import { isThat, type PlacedField } from './placed';
import { contradiction } from './placement';
import { allCases } from './shapes';

/** The most jumps that may follow each other without an entry between them: more lead nowhere. */
export const MOST_JUMPS = 32;

/** What of a format matters to jumps. */
interface JumpSpec {
  readonly name: string;
  readonly entry: AnyDescriptor;
  readonly follow: { readonly kind: string };
  readonly ownership: { readonly kind: string };
  readonly completion: { readonly kind: string };
}

/** Where an entry's jump leads: an address that it always has, or that of the shape that the jump itself chooses. */
const hasNext = ({ entry }: JumpSpec, jump: PlacedField): boolean => {
  if (entry.fieldsThat('address', 'next').length > 0) return true;
  const { meaning } = jump;
  const shapes = allCases(entry.placedVariants).filter(
    ({ within, shape }) => within.by === jump && meaning?.kind === 'mark' && shape.when.includes(meaning.when),
  );
  return shapes.some(({ shape }) => shape.placement.fields.some((field) => isThat(field, 'address', 'next')));
};

const refuse = ({ name, entry }: JumpSpec, { path, where }: PlacedField, problem: string) =>
  contradiction(name, `${name} has jumps (${entry.typeName}.${path}, ${where}), and ${problem}`);

const checkToggle = (spec: JumpSpec): void => {
  const { name, entry, ownership } = spec;
  const [toggle] = entry.fieldsThat('mark', 'toggle');
  if (toggle === undefined) return;
  const where = `${entry.typeName}.${toggle.path} (${toggle.where})`;
  if (entry.fieldsThat('mark', 'jump').length === 0) {
    throw contradiction(name, `${name} has a mark for jumps that change the phase, ${where}, and no mark for jumps`);
  }
  if (ownership.kind === 'phase') return;
  throw contradiction(
    name,
    `${name} has jumps that change the phase, ${where}, and gives entries away by ${ownership.kind}`,
  );
};

/** What a format with jumps needs. What contradicts it is a `LabError` of one sentence. */
export const checkJumps = (spec: JumpSpec): void => {
  const { entry, follow, completion } = spec;
  const inShape = entry.variantFields.find((field) => isThat(field, 'mark', 'jump') || isThat(field, 'mark', 'toggle'));
  if (inShape !== undefined) throw refuse(spec, inShape, 'only in one shape: every entry has to say whether it is one');
  checkToggle(spec);
  const [jump] = entry.fieldsThat('mark', 'jump');
  if (jump === undefined) return;
  if (!hasNext(spec, jump))
    throw refuse(spec, jump, `its descriptor ${entry.typeName} has no address of next for them`);
  if (follow.kind !== 'ring')
    throw refuse(spec, jump, `its entries follow as ${follow.kind}: only a ring is left by a jump`);
  if (completion.kind !== 'in-ring') return;
  throw refuse(spec, jump, 'completes in its ring, where ends are told one after the other and jumps are in their way');
};
