import { expect } from 'chai';
import fc from 'fast-check';
import { BLOCK_ORDER, type Entry, type IovaCase, type MapSgCase, type Mode } from '../../conformance/answers';
import { bouncedBits } from '../../conformance/sections/addresses';
import { replayAlign } from '../../conformance/sections/align';
import { replayFromPages } from '../../conformance/sections/from-pages';
import { IovaReplay } from '../../conformance/sections/iova';
import { replayMapSg } from '../../conformance/sections/map-sg';
import { withSubject, type Subject } from '../../conformance/subject';
import { alloc_pages, GFP_KERNEL } from '../../kernel-api';
import { makeDmaDevice, makeDmaKernel, putBehindIommu } from '../support/dma-device';
import { hostTurn } from '../support/on-machine';
import { readFixture } from './fixtures';
import { alignBehindIommu, alignBounced, fromPages, mapSgBehindIommu, mapSgBounced } from './models';

const PAGE = 4096;

/** A device behind an IOMMU that nothing was mapped for yet. */
const freshSubject = (): Subject => {
  const kernel = makeDmaKernel();
  const dev = makeDmaDevice(kernel);
  putBehindIommu(dev);
  return { mode: 'iommu-strict', kernel, dev, block: alloc_pages(kernel, GFP_KERNEL, BLOCK_ORDER)! };
};

/** Lengths around pages, and others. */
const lengths = (least: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.constantFrom(...[1, 511, 2048, 2049, 4095, 4096, 4097, 8192, 12288].filter((length) => length >= least)),
    fc.integer({ min: least, max: 20_000 }),
  );

/** Lists as drivers make them: whole pages that adjoin in I/O space, odd pieces, overlapping ones, entries over pages. */
const lists = (least: number): fc.Arbitrary<Entry[]> =>
  fc.array(
    fc.oneof(
      fc.tuple(fc.nat(1000), fc.constant(0), fc.constantFrom(PAGE, 2 * PAGE, 3 * PAGE)),
      fc.tuple(fc.nat(1000), fc.constantFrom(0, 1, 2048, 4095, 4096, 5000), lengths(least)),
    ),
    { minLength: 1, maxLength: 24 },
  );

const boundaries = fc.constantFrom(0, 0x7ff, 0xfff, 0x1fff, 0x3fff, 0xffff, 0x1_ffff, 0xf_ffff, 2 ** 32 - 1, 2 ** 64);
const limits = fc.constantFrom(0, 1, 512, 2048, 4095, 4096, 8192, 12288, 12289, 65536, 2 ** 20, 2 ** 32 - 1);

const mapSgInputs = (least: number): fc.Arbitrary<Pick<MapSgCase, 'max_seg' | 'boundary_mask' | 'in'>> =>
  fc.record({ max_seg: limits, boundary_mask: boundaries, in: lists(least) });

const pageArrays = fc
  .array(fc.tuple(fc.nat(1000), fc.integer({ min: 1, max: 8 })), { minLength: 1, maxLength: 12 })
  .map((runs) => runs.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i)));

const fromPagesInputs = fc
  .tuple(pageArrays, limits, fc.nat(PAGE - 1), fc.nat(PAGE - 1))
  .filter(([pfns, , offset, tail]) => pfns.length > 1 || offset + tail < PAGE)
  .map(([pfns, max_segment, offset, tail]) => ({
    pfns,
    max_segment,
    offset,
    size: pfns.length * PAGE - offset - tail,
  }));

/** Without lengths of which only the place of the pool decides whether they fit. */
const alignInputs = fc.record({
  min_align_mask: fc.constantFrom(0, 511, 2047, 4095, 8191),
  offset: fc.nat(2 * PAGE - 1),
  len: fc.oneof(lengths(1), fc.integer({ min: 250_000, max: 253_952 }), fc.integer({ min: 262_145, max: 264_000 })),
});

/** What comes and goes: slots that are filled when empty and emptied when full. */
const iovaSteps = fc
  .array(fc.tuple(fc.nat(63), fc.nat(PAGE - 1), fc.oneof(lengths(1), fc.integer({ min: 1, max: 200_000 }))), {
    minLength: 300,
    maxLength: 300,
  })
  .map((steps) => {
    const full = new Set<number>();
    return steps.map(([slot, offset, len]): IovaCase => {
      if (full.delete(slot)) return { op: 'free', slot };
      full.add(slot);
      return { op: 'alloc', slot, offset, len, addr: 0 };
    });
  });

/** Where a measurement might have found the mapping: only what follows from the input is compared. */
const placed = (mode: Mode, steps: readonly IovaCase[]): IovaCase[] =>
  steps.map((step) => {
    if (step.op === 'free') return step;
    return { ...step, addr: mode === 'iommu-strict' ? 2 ** 32 - 2 ** 25 + step.offset : 2 ** 30 - 2 ** 25 };
  });

const check = <T>(inputs: fc.Arbitrary<T>, replayed: (input: T) => unknown, numRuns: number): void =>
  fc.assert(
    fc.property(inputs, (input) => {
      expect(replayed(input)).to.deep.equal(null);
    }),
    { numRuns },
  );

describe('conformance: inputs that were not measured', () => {
  it('the models say what Linux says', () => {
    const iommu = readFixture('iommu-strict.json') as { map_sg: MapSgCase[]; from_pages: never[]; align: never[] };
    const bounced = readFixture('swiotlb-force.json') as typeof iommu;
    for (const each of iommu.map_sg) expect(mapSgBehindIommu(each)).to.deep.equal(each);
    for (const each of iommu.from_pages) expect(fromPages(each)).to.deep.equal(each);
    for (const each of bounced.map_sg) {
      const out = each.out!.map(([address, length]) => [bouncedBits(address), length]);
      expect(mapSgBounced(each)).to.deep.equal({ ...each, out });
    }
    const low = (cases: { low13: number; min_align_mask: number }[], bits: (mask: number) => number): object[] =>
      cases.map((each) => ({ ...each, low13: each.low13 & bits(each.min_align_mask) }));
    expect(low(iommu.align.map(alignBehindIommu), () => 4095)).to.deep.equal(low(iommu.align, () => 4095));
    expect(low(bounced.align.map(alignBounced), (mask) => mask | 2047)).to.deep.equal(
      low(bounced.align, (mask) => mask | 2047),
    );
  });

  it('behind an IOMMU: lists, tables from pages, alignments', () =>
    withSubject('iommu-strict', hostTurn, (subject) => {
      check(mapSgInputs(1), (input) => replayMapSg(subject, mapSgBehindIommu(input)), 400);
      check(fromPagesInputs, (input) => replayFromPages(subject, fromPages(input)), 200);
      check(alignInputs, (input) => replayAlign(subject, alignBehindIommu(input)), 200);
      expect(subject.dev.dma.iommu!.iovad.ranges().length).to.be.below(64);
    }));

  it('behind an IOMMU: lists with empty entries', () => {
    check(mapSgInputs(0), (input) => replayMapSg(freshSubject(), mapSgBehindIommu(input)), 60);
    const empty = { max_seg: 4096, boundary_mask: 4095, in: [[1, 0, 0] as const, [2, 0, 0] as const] };
    expect(replayMapSg(freshSubject(), mapSgBehindIommu(empty))).to.equal(null);
  });

  it('bounced: lists, alignments', () =>
    withSubject('swiotlb-force', hostTurn, (subject) => {
      check(mapSgInputs(1), (input) => replayMapSg(subject, mapSgBounced(input)), 400);
      check(alignInputs, (input) => replayAlign(subject, alignBounced(input)), 200);
      expect(subject.kernel.warnings).to.be.below(3);
    }));

  for (const mode of ['iommu-strict', 'swiotlb-force'] as const) {
    it(`${mode}: mappings that come and go`, () =>
      withSubject(mode, hostTurn, (subject) => {
        fc.assert(
          fc.property(iovaSteps, (steps) => {
            const cases = placed(mode, steps);
            const replay = new IovaReplay(subject, cases);
            for (const each of cases) expect(replay.replay(each)).to.equal(null);
            for (const slot of Array(64).keys()) replay.replay({ op: 'free', slot });
          }),
          { numRuns: 8 },
        );
      }));
  }
});
