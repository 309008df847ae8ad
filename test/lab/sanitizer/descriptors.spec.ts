import { expect } from 'chai';
import type { DmaAddr, VirtAddr } from '../../../base/address';
import {
  addressOf,
  bits,
  descriptor,
  flag,
  format,
  lengthIn,
  linked,
  marks,
  reserved,
  ring,
  word32,
  word64,
  type Format,
} from '../../../base/descriptor';
import { virtioSplit } from '../../../devices/formats';
import { CONTROL, Q_CONTROL } from '../../../devices/prototype/spec';
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from '../../../kernel-api/dma/direction';
import { dma_map_single, dma_mapping_error, dma_unmap_single } from '../../../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { kzalloc } from '../../../kernel-api/mm/kmalloc';
import { usleep_range } from '../../../kernel-api/sched/delay';
import type { MachineOptions } from '../../../lab/machine-options';
import type { ReportId } from '../../../lab/sanitizer/catalogue';
import type { SanitizerReport } from '../../../lab/sanitizer/report';
import { LENGTH, linesAt, linesOf, Q, reportsOf, type Hand } from './hand';

const net = format({
  name: 'net',
  entry: descriptor(
    'net_desc',
    {
      addr: word64(addressOf('data', { align: 4 })),
      len: word32({ LEN: bits(15, 0, lengthIn(1, { max: 9000 })), OWN: flag(31, marks('owner')) }),
      status: word32({ DONE: flag(0, marks('done')) }),
    },
    { align: 16, size: 16 },
  ),
  follow: ring(),
  ownership: { kind: 'bit' },
  completion: { kind: 'in-place' },
  doorbell: { register: 'TAIL', value: 'notify' },
  moves: 'from-memory',
});
const OWN = 0x8000_0000;

const list = format({
  name: 'list',
  entry: descriptor(
    'list_desc',
    {
      next: word64(addressOf('next', { align: 32 })),
      addr: word64(addressOf('data')),
      len: word32(lengthIn(1)),
      status: word32({ DONE: flag(0, marks('done')) }),
      gap: reserved(8),
    },
    { align: 32, size: 32 },
  ),
  follow: linked('null'),
  ownership: { kind: 'indices' },
  completion: { kind: 'in-place' },
  doorbell: { register: 'GO', value: 'head-address' },
  moves: 'to-memory',
});

/** The same, with a mark at the end. */
const marked = format({
  name: 'marked',
  entry: descriptor(
    'marked_desc',
    {
      next: word64(addressOf('next', { align: 32 })),
      addr: word64(addressOf('data')),
      len: word32({ LEN: bits(15, 0, lengthIn(1)), LAST: flag(31, marks('last')) }),
      status: word32({ DONE: flag(0, marks('done')) }),
      gap: reserved(8),
    },
    { align: 32, size: 32 },
  ),
  follow: linked('last'),
  ownership: { kind: 'indices' },
  completion: { kind: 'in-place' },
  doorbell: { register: 'GO', value: 'head-address' },
  moves: 'to-memory',
});

interface Mistake {
  readonly format: Format;
  readonly id: ReportId;
  readonly says: RegExp;
  readonly machine?: MachineOptions;
  readonly harm?: SanitizerReport['harm'];
  /** Makes it; the line at fault ends with a comment that names the mistake. */
  readonly make: (hand: Hand) => Promise<void> | void;
}

const good = (hand: Hand, index: number, at: DmaAddr): void => {
  hand.put64(16 * index, at);
  hand.wmb();
  hand.put32(16 * index + 8, OWN | LENGTH);
};

const MISTAKES: Readonly<Record<string, Mistake>> = {
  early: {
    format: net,
    id: 'DMA-DESC-EARLY',
    says: /entry 0 at 0x\w+ of queue 0 was given to \S+ before addr had been written/,
    make: (hand) => {
      const at = hand.map();
      hand.put32(8, OWN | LENGTH); // at fault: early
      hand.put64(0, at);
      hand.go();
    },
  },
  owned: {
    format: net,
    id: 'DMA-DESC-OWNED',
    says: /the CPU changed LEN of entry 0 at 0x\w+ of queue 0 after it had given it to/,
    make: (hand) => {
      good(hand, 0, hand.map());
      hand.go();
      hand.put32(8, OWN | 128); // at fault: owned
    },
  },
  unmapped: {
    format: net,
    id: 'DMA-DESC-UNMAPPED',
    says: /entry 0 at 0x\w+, whose addr leads it to 256 bytes at 0x\w+, after the DMA_TO_DEVICE mapping of 256 bytes at 0x\w+ was unmapped/,
    harm: 'happened',
    make: (hand) => {
      const at = hand.map();
      dma_unmap_single(hand.dev, at, LENGTH, DMA_TO_DEVICE);
      hand.put64(0, at); // at fault: unmapped
      hand.wmb();
      hand.put32(8, OWN | LENGTH);
      hand.go();
    },
  },
  long: {
    format: net,
    id: 'DMA-DESC-LENGTH',
    says: /LEN says 9001 bytes, and 9000 is the most/,
    harm: 'happened',
    make: (hand) => {
      hand.put64(0, hand.map(9001));
      hand.wmb();
      hand.put32(8, OWN | 9001); // at fault: long
      hand.go();
    },
  },
  tooFar: {
    format: net,
    id: 'DMA-DESC-UNMAPPED',
    says: /whose addr leads it to 257 bytes at 0x\w+, which from 0x\w+ on lie where|on the page/,
    harm: 'happened',
    machine: { iommu: false },
    make: (hand) => {
      hand.put64(0, hand.map()); // at fault: tooFar
      hand.wmb();
      hand.put32(8, OWN | (LENGTH + 1));
      hand.go();
    },
  },
  misaligned: {
    format: net,
    id: 'DMA-DESC-ALIGN',
    says: /addr is 0x\w+2, no multiple of 4/,
    harm: 'happened',
    make: (hand) => {
      hand.put64(0, hand.map(512) + 2n); // at fault: misaligned
      hand.wmb();
      hand.put32(8, OWN | LENGTH);
      hand.go();
    },
  },
  direction: {
    format: net,
    id: 'DMA-DIRECTION',
    says: /by which it is to read from the DMA_FROM_DEVICE mapping/,
    harm: 'happened',
    make: (hand) => {
      const buffer = kzalloc(hand.kernel, LENGTH, GFP_KERNEL);
      const at = dma_map_single(hand.dev, buffer, LENGTH, DMA_FROM_DEVICE); // at fault: direction
      expect(dma_mapping_error(hand.dev, at)).to.equal(0);
      good(hand, 0, at);
      hand.go();
    },
  },
  reserved: {
    format: net,
    id: 'DMA-DESC-INVALID',
    says: /reserved bits 0x10000 of the word at 0x8 are not zero/,
    make: (hand) => {
      hand.put64(0, hand.map());
      hand.wmb();
      hand.put32(8, OWN | 0x1_0000 | LENGTH); // at fault: reserved
      hand.go();
    },
  },
  link: {
    format: list,
    id: 'DMA-DESC-UNMAPPED',
    says: /entry 0 at 0x\w+, whose next leads it to 32 bytes at 0xdead0000, where nothing is mapped for it/,
    harm: 'happened',
    make: (hand) => {
      hand.put64(8, hand.map(LENGTH, DMA_FROM_DEVICE));
      hand.put32(16, LENGTH);
      hand.put64(0, 0xdead_0000n); // at fault: link
      hand.go(hand.ring);
    },
  },
  unterminated: {
    format: marked,
    id: 'DMA-DESC-UNTERMINATED',
    says: /entry 0 at 0x\w+: it does not end the list, and leads to 0/,
    harm: 'happened',
    make: (hand) => {
      hand.put64(8, hand.map(LENGTH, DMA_FROM_DEVICE));
      hand.put32(16, LENGTH);
      hand.put64(0, 0n); // at fault: unterminated
      hand.go(hand.ring);
    },
  },
  loop: {
    format: list,
    id: 'DMA-DESC-LOOP',
    says: /entry 1 at 0x\w+: it leads back to entry 0/,
    harm: 'happened',
    make: (hand) => {
      for (const entry of [0, 1]) {
        hand.put64(32 * entry + 8, hand.map(LENGTH, DMA_FROM_DEVICE));
        hand.put32(32 * entry + 16, LENGTH);
      }
      hand.put64(0, hand.ring + 32n);
      hand.put64(32, hand.ring); // at fault: loop
      hand.go(hand.ring);
    },
  },
  overlap: {
    format: list,
    id: 'DMA-DESC-OVERLAP',
    says: /what addr gives to be written overlaps what addr gives to be written in entry/,
    make: (hand) => {
      const at = hand.map(2 * LENGTH, DMA_FROM_DEVICE);
      hand.put64(8, at);
      hand.put32(16, LENGTH);
      hand.put64(0, hand.ring + 32n);
      hand.put64(32 + 8, at + 64n); // at fault: overlap
      hand.put32(32 + 16, LENGTH);
      hand.put64(32, 0n);
      hand.go(hand.ring);
    },
  },
  index: {
    format: virtioSplit,
    id: 'DMA-DESC-INVALID',
    says: /it leads to entry 9 of 8/,
    harm: 'happened',
    make: (hand) => {
      hand.put64(0, hand.map());
      hand.put32(8, LENGTH);
      hand.put32(12, 0x0009_0001); // at fault: index
      hand.put32(0x404, 0);
      hand.wmb();
      hand.put32(0x400, 0x0001_0000);
      hand.go();
    },
  },
  chain: {
    format: virtioSplit,
    id: 'DMA-DESC-LOOP',
    says: /it leads back to entry 0 of its own chain/,
    harm: 'happened',
    make: (hand) => {
      hand.put64(0, hand.map());
      hand.put32(8, LENGTH);
      hand.put32(12, 0x0000_0001); // at fault: chain
      hand.wmb();
      hand.put32(0x400, 0x0001_0000);
      hand.go();
    },
  },
};

const MACHINES: Readonly<Record<string, MachineOptions>> = {
  'behind an IOMMU': {},
  'not coherent': { coherent: false },
  'in adverse circumstances': { coherent: false, cache: { adversarial: true } },
};

const lineOf = linesOf(__filename, 'at fault');

describe('descriptors that devices are given', () => {
  for (const [name, { format: of, id, says, machine, harm = 'possible', make }] of Object.entries(MISTAKES)) {
    for (const [where, options] of Object.entries(machine === undefined ? MACHINES : { '': machine })) {
      it(`${name}, ${where}: ${id}, once, at the line`, async () => {
        const reports = await reportsOf(of, options, make);
        expect(reports.map((report) => report.id)).to.deep.equal([id]);
        const [report] = reports as [SanitizerReport];
        expect(report.message).to.match(says);
        expect({ severity: report.severity, harm: report.harm, count: report.count }).to.deep.equal({
          severity: 'error',
          harm,
          count: 1,
        });
        expect(linesAt(report), 'lines').to.include(String(lineOf(name)));
        expect(report.picture[0]).to.match(/^(?:entry|head) \d+ at 0x/);
      });
    }
  }
});

describe('what was told when a device was given it', () => {
  const cases: Readonly<Record<string, (hand: Hand) => Promise<void>>> = {
    'the entry was completed': async (hand) => {
      await usleep_range(hand.kernel, 50, 50);
      expect(hand.kernel.mm.load32((hand.cpu + 12) as VirtAddr)).to.equal(1);
    },
    'the queue was aborted': async (hand) => {
      hand.regs.writel(Q.CONTROL, Q_CONTROL.ENABLE | Q_CONTROL.ABORT);
      await usleep_range(hand.kernel, 50, 50);
      expect(hand.kernel.mm.load32((hand.cpu + 12) as VirtAddr)).to.equal(0);
      hand.put32(8, 0);
      hand.start();
    },
    'the device was reset': async (hand) => {
      hand.regs.writel(0x10, CONTROL.RESET);
      await usleep_range(hand.kernel, 50, 50);
      hand.put32(8, 0);
      hand.start();
    },
  };
  for (const [name, end] of Object.entries(cases)) {
    it(`is told again of the same address, for another reason, once ${name}`, async () => {
      const reports = await reportsOf(net, { iommu: false }, async (hand) => {
        const buffer = kzalloc(hand.kernel, LENGTH, GFP_KERNEL);
        const map = (): DmaAddr => hand.map(LENGTH, DMA_TO_DEVICE, buffer);
        const at = map();
        dma_unmap_single(hand.dev, at, LENGTH, DMA_TO_DEVICE);
        good(hand, 0, at);
        hand.go();
        await end(hand);
        expect(map()).to.equal(at);
        good(hand, name.startsWith('the entry') ? 1 : 0, at);
        hand.go();
        dma_unmap_single(hand.dev, at, LENGTH, DMA_TO_DEVICE);
      });
      expect(reports.map(({ id }) => id)).to.deep.equal(['DMA-DESC-UNMAPPED', 'DMA-USE-AFTER-UNMAP']);
    });
  }
});
