import { LabError } from '../base/errors';
import { isAnObject, isArrayOf, isInteger, isOneOf, isString, type Check } from '../lab/option-shape';
import {
  BLOCK_BYTES,
  BLOCK_PAGES,
  MODES,
  SECTIONS,
  SLOTS,
  type Answers,
  type Entry,
  type SectionName,
} from './answers';

const U32_MAX = 0xffff_ffff;
/** An address or mask of 64 bits. JSON's numbers round the largest ones up to 2^64. */
const isU64 = isInteger(0, 2 ** 64);
const isU32 = isInteger(0, U32_MAX);
const isInBlock = isInteger(0, BLOCK_BYTES - 1);
const isErrno = isInteger(-4095, 0);
const isCount = isInteger(0, BLOCK_BYTES);

const refuse = (place: string, trouble: string): never => {
  throw new LabError(`${place} ${trouble}`, { what: place });
};

const matches =
  (pattern: RegExp, wanted: string): Check =>
  (value, place) => {
    isString(value, place);
    if (!pattern.test(value as string)) refuse(place, `is '${String(value)}'; it must be ${wanted}`);
  };

const isDecimal = matches(/^\d{1,20}$/, 'a decimal number');
const isHex = matches(/^[0-9a-f]{1,16}$/i, 'a hexadecimal number');

/** An object with these members; others are none of our business. */
const has =
  (members: Readonly<Record<string, Check>>): Check =>
  (value, place) => {
    isAnObject(value, place);
    for (const [name, check] of Object.entries(members)) {
      if (!Object.hasOwn(value as object, name)) refuse(place, `has no ${name}`);
      check((value as Readonly<Record<string, unknown>>)[name], `${place}.${name}`);
    }
  };

const isTuple =
  (...checks: readonly Check[]): Check =>
  (value, place) => {
    if (!Array.isArray(value) || value.length !== checks.length) refuse(place, `is no array of ${checks.length}`);
    checks.forEach((check, index) => check((value as unknown[])[index], `${place}[${index}]`));
  };

const isFilledArrayOf =
  (check: Check): Check =>
  (value, place) => {
    isArrayOf(check)(value, place);
    if ((value as unknown[]).length === 0) refuse(place, 'is empty');
  };

const isNullOr =
  (check: Check): Check =>
  (value, place) => {
    if (value !== null) check(value, place);
  };

const isPage = isInteger(0, BLOCK_PAGES - 1);
const isEntry = isTuple(isPage, isInBlock, isU32);

/** An input has to lie in the block that was measured with: there is nothing else to map. */
const isInputEntry: Check = (value, place) => {
  isEntry(value, place);
  const [page, offset, length] = value as Entry;
  if (page * 4096 + offset + length > BLOCK_BYTES) refuse(place, 'reaches beyond the block of 4 MiB');
};

const isMapSg = has({
  max_seg: isU32,
  boundary_mask: isU64,
  in: isFilledArrayOf(isInputEntry),
  ret: isErrno,
  nents: isCount,
  orig_nents: isCount,
  out: isNullOr(isArrayOf(isTuple(isInteger(-(2 ** 52), 2 ** 64), isU32))),
});

const isFromPages = has({
  max_segment: isU32,
  offset: isU32,
  size: isU32,
  pfns: isFilledArrayOf(isPage),
  ret: isErrno,
  orig_nents: isNullOr(isCount),
  out: isNullOr(isArrayOf(isTuple(isPage, isU32, isU32))),
});

const isSlot = isInteger(0, SLOTS - 1);
const isFree = has({ slot: isSlot });
const isAlloc = has({ slot: isSlot, offset: isInBlock, len: isInBlock, addr: isU64 });

const isIovaStep: Check = (value, place) => {
  has({ op: isOneOf('alloc', 'free') })(value, place);
  (((value as { op: string }).op === 'alloc' ? isAlloc : isFree) satisfies Check)(value, place);
};

/** A slot is filled when it is empty and emptied when it is full. */
const isIova: Check = (value, place) => {
  isArrayOf(isIovaStep)(value, place);
  const full = new Set<number>();
  (value as { op: string; slot: number }[]).forEach(({ op, slot }, index) => {
    if (full.has(slot) === (op === 'alloc')) {
      refuse(
        `${place}[${index}]`,
        op === 'alloc' ? `fills slot ${slot} twice` : `empties slot ${slot}, which is empty`,
      );
    }
    if (op === 'alloc') full.add(slot);
    else full.delete(slot);
  });
};

const SECTION_CHECKS: Readonly<Record<SectionName, Check>> = {
  info: has({ max_mapping: isDecimal, opt: isDecimal, merge: isHex, seg: isDecimal, bound: isHex, align: isDecimal }),
  map_sg: isArrayOf(isMapSg),
  from_pages: isArrayOf(isFromPages),
  iova: isIova,
  align: isArrayOf(
    has({
      min_align_mask: isU32,
      offset: isInBlock,
      len: isInBlock,
      error: isErrno,
      low13: isInteger(0, 8191),
      max_mapping: isDecimal,
    }),
  ),
  mask: isArrayOf(has({ bits: isInteger(1, 64), ret: isErrno, required: isHex })),
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LabError(`it is no JSON: ${(error as Error).message.split('\n')[0]!}`);
  }
};

/** Reads a file of answers. What makes no sense is a `LabError` that names the place in the file. */
export const readAnswers = (text: string): Answers => {
  const value = parse(text);
  isAnObject(value, 'the file');
  const file = value as Readonly<Record<string, unknown>>;
  if (!Object.hasOwn(file, 'mode')) refuse('the file', 'has no mode');
  isOneOf(...MODES)(file.mode, 'mode');
  const present = SECTIONS.filter((name) => Object.hasOwn(file, name));
  if (present.length === 0) refuse('the file', `has none of the sections ${SECTIONS.join(', ')}`);
  for (const name of present) SECTION_CHECKS[name](file[name], name);
  return value as Answers;
};
