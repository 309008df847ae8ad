import { expect } from 'chai';
import { Prng } from '../../../base/prng';
import type { AnyCursor } from '../../../base/descriptor';
import * as formats from '../../../devices/formats';
import { movesOf, type Candidate } from '../../../lab/compare/candidate';
import { measureFormat, type FormatResult } from '../../../lab/compare/compare';
import { latencyOf, percentile, type FormatFigures } from '../../../lab/compare/figures';
import type { ComparedMachine } from '../../../lab/compare/machine';
import { cutRequest, drawSizes, type Traffic } from '../../../lab/compare/traffic';
import { hostTurn, ramPool } from '../../support/on-machine';

const CANDIDATES: readonly Candidate[] = [
  { name: 'virtio-split', format: formats.virtioSplit },
  { name: 'virtio-split:direct', format: formats.virtioSplit, indirect: 'never' },
  { name: 'virtio-packed', format: formats.virtioPacked },
  { name: 'nvme-io', format: formats.nvmeIo },
  { name: 'nvme-io:sgl', format: formats.nvmeIo, prepare: (entry: AnyCursor) => (entry['PSDT'] = 1) },
  { name: 'xilinx-axi-dma-mm2s', format: formats.xilinxAxiDmaMm2s },
  { name: 'xilinx-axi-dma-s2mm', format: formats.xilinxAxiDmaS2mm },
  { name: 'dw-axi-dmac', format: formats.dwAxiDmacList },
];
const [split, direct, packed] = CANDIDATES as [Candidate, Candidate, Candidate];

const TIME_KEYS = ['moving', 'answers', 'listsAndCompletions', 'entries', 'blocked', 'software'] as const;

const TRAFFIC: Traffic = {
  requests: 60,
  sizes: {
    kind: 'mix',
    parts: [
      { bytes: 512, weight: 3 },
      { bytes: 4096, weight: 1 },
    ],
  },
  depth: 8,
  scatter: 1,
  direction: 'out',
};
const MACHINE: ComparedMachine = { translation: 'strict', coherent: true, engine: {} };

const measure = (candidate: Candidate, traffic: Partial<Traffic> = {}, machine: Partial<ComparedMachine> = {}) =>
  measureFormat(candidate, { ...TRAFFIC, ...traffic }, { ...MACHINE, ...machine }, { seed: 3, hostTurn, ramPool });

const figuresOf = (result: FormatResult): FormatFigures => {
  if ('figures' in result) return result.figures;
  throw new Error(result.problem);
};

describe('compare: measuring', () => {
  for (const candidate of CANDIDATES) {
    for (const machine of [
      { translation: 'direct', coherent: true },
      { translation: 'lazy', coherent: false },
      { translation: 'swiotlb', coherent: true },
    ] as const) {
      it(`${candidate.name}, ${machine.translation}, ${machine.coherent ? 'coherent' : 'not coherent'}: every byte arrives`, async () => {
        const figures = figuresOf(await measure(candidate, { scatter: 'pages', direction: 'in' }, machine));
        expect(figures.requests).to.equal(60);
        expect(figures.entries).to.be.at.least(60);
        expect(figures.doorbells).to.be.within(1, 60);
        expect(figures.interrupts).to.be.within(1, 60);
        expect(figures.iotlbMisses > 0).to.equal(machine.translation === 'lazy');
      });
    }
  }

  it('the shares of the time are all of it, and what cannot be faster is not', async () => {
    for (const candidate of CANDIDATES) {
      const { time, nanoseconds, payloadBytes, latency } = figuresOf(await measure(candidate));
      const sum = TIME_KEYS.reduce((total, key) => total + time[key], 0);
      expect(sum, candidate.name).to.be.closeTo(nanoseconds, 0.02 * nanoseconds);
      expect(nanoseconds).to.be.at.least(payloadBytes / 4);
      expect(time.moving).to.be.closeTo(payloadBytes / 4, 1);
      expect(latency.median).to.be.at.most(latency.p99);
      expect(latency.p99).to.be.at.most(latency.largest);
    }
  });

  it('the same seed gives the same figures, another one other sizes', async () => {
    const again = await measure(packed);
    expect(await measure(packed)).to.deep.equal(again);
    expect(drawSizes(TRAFFIC, new Prng(1))).not.to.deep.equal(drawSizes(TRAFFIC, new Prng(2)));
  });

  it('figures are as the formats are built', async () => {
    const figures: FormatFigures[] = [];
    for (const candidate of [split, direct, packed]) {
      figures.push(figuresOf(await measure(candidate, { scatter: 4 }, { translation: 'direct' })));
    }
    const [a, b, c] = figures;
    // A table for each request: one entry leads to four.
    expect(a!.entries).to.equal(60 * 5);
    expect(b!.entries).to.equal(60 * 4);
    // An element and the index of the used ring; one entry of the packed ring.
    expect(a!.completionWrites).to.equal(120);
    expect(c!.completionWrites).to.equal(60);
    expect(c!.cacheLines).to.be.lessThan(a!.cacheLines);
    expect(c!.descriptorReads).to.be.lessThan(a!.descriptorReads);
  });

  it('one request at a time: a doorbell and an interrupt each, and software takes most of the time', async () => {
    for (const candidate of CANDIDATES) {
      const figures = figuresOf(await measure(candidate, { depth: 1 }));
      expect([figures.doorbells, figures.interrupts], candidate.name).to.deep.equal([60, 60]);
      expect(figures.time.software).to.be.greaterThan(figures.nanoseconds / 4);
    }
  });

  it('a longer way to memory makes everything slower', async () => {
    for (const candidate of CANDIDATES) {
      const near = figuresOf(await measure(candidate, {}, { engine: { latencyNs: 20 } }));
      const far = figuresOf(await measure(candidate, {}, { engine: { latencyNs: 1000 } }));
      expect(far.nanoseconds, candidate.name).to.be.greaterThan(near.nanoseconds);
    }
  });

  it('what a format cannot carry is told in a sentence', async () => {
    const [, , , nvme] = CANDIDATES;
    const result = await measure(nvme!, { sizes: { kind: 'uniform', from: 64, to: 64 } });
    expect(result).to.include({ name: 'nvme-io', kind: 'uncarried' });
    expect('problem' in result && result.problem).to.match(/^a request of 64 bytes: .* in units of 512$/);
  });

  it('bytes that are wrong fail', async () => {
    // All bytes go to the first place.
    const wrong: Candidate = {
      name: 'wrong',
      format: formats.dwAxiDmacList,
      prepare: (item) => (item['DINC'] = true),
    };
    const result = await measure(wrong);
    expect(result).to.include({ kind: 'failed' });
    expect('problem' in result && result.problem).to.match(/^request 0: byte \d+ .* is wrong/);
  });
});

describe('compare: traffic', () => {
  it('pieces make up the request, and none is empty', () => {
    for (const bytes of [1, 15, 16, 17, 64, 4095, 4096, 4097, 9000]) {
      for (const scatter of [1, 2, 4, 64, 'pages'] as const) {
        const pieces = cutRequest(bytes, scatter);
        expect(pieces.reduce((sum, length) => sum + length, 0)).to.equal(bytes);
        expect(Math.min(...pieces)).to.be.greaterThan(0);
        if (scatter !== 'pages') expect(pieces.length).to.be.at.most(scatter);
      }
    }
  });

  it('sizes follow their weights', () => {
    const sizes = drawSizes({ ...TRAFFIC, requests: 4000 }, new Prng(1));
    expect(sizes.filter((bytes) => bytes === 512).length).to.be.within(2900, 3100);
    expect(new Set(sizes)).to.deep.equal(new Set([512, 4096]));
  });

  it('percentiles are values that occurred, by nearest rank', () => {
    const values = Float64Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(latencyOf(values)).to.deep.equal({ median: 50, p99: 99, largest: 100 });
    expect(percentile(new Float64Array([7]), 0.99)).to.equal(7);
    expect(percentile(new Float64Array(), 0.5)).to.equal(0);
  });

  it('formats are used the way that they can go', () => {
    expect(movesOf(formats.virtioSplit, 'in')).to.equal('in');
    expect(movesOf(formats.xilinxAxiDmaMm2s, 'in')).to.equal('out');
    expect(movesOf(formats.xilinxAxiDmaS2mm, 'out')).to.equal('in');
    expect(movesOf(formats.dwAxiDmacList, 'out')).to.equal('copy');
  });
});
