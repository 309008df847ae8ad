import type { DmaAddr } from '../../base/address';
import { hex } from '../../base/u64';
import { DMA_BIDIRECTIONAL, dma_get_mask, dma_map_page, dma_mapping_error, dma_unmap_page } from '../../kernel-api';
import type { IovaCase } from '../answers';
import type { Subject } from '../subject';
import { compare, type Verdict } from '../verdict';

type Alloc = Extract<IovaCase, { op: 'alloc' }>;
interface Live {
  readonly address: DmaAddr;
  readonly first: number;
  readonly length: number;
}

const PAGE = 4096;
const FOUR_GIB = 2 ** 32;
const SLOT = 2048;
/** Addresses of this size are `DMA_MAPPING_ERROR`, as JSON rounds it. */
const FAILED = 2 ** 64;

/** The natural alignment that Linux gives a mapping behind an IOMMU: its pages, rounded up to a power of two. */
const naturalAlignment = (offset: number, length: number): number => {
  let bytes = PAGE;
  while (bytes < (offset % PAGE) + length) bytes *= 2;
  return bytes;
};

/**
 * Mappings that come and go. Absolute addresses depend on all that the measured kernel had mapped before, so these are
 * compared by what must hold of them: the bits that the buffer or the allocator determine, the device's mask, that nothing
 * that is live overlaps, and, behind an IOMMU, that addresses go down from the top of the lower 4 GiB.
 */
export class IovaReplay {
  private readonly subject: Subject;
  private allocated = 0;
  private same = 0;
  private readonly live = new Map<number, Live>();
  /** Below this no address may be: twice as far from 4 GiB as any that was measured. */
  private readonly lowest: number;

  constructor(subject: Subject, cases: readonly IovaCase[]) {
    this.subject = subject;
    const measured = cases.flatMap((each) => (each.op === 'alloc' && each.addr < FOUR_GIB ? [each.addr] : []));
    const span = FOUR_GIB - measured.reduce((least, address) => Math.min(least, address), FOUR_GIB);
    this.lowest = subject.mode === 'iommu-strict' ? Math.max(0, FOUR_GIB - 2 * span) : 0;
  }

  /** How many addresses are even those that were measured. */
  get note(): string {
    return `${this.same} of ${this.allocated} addresses are the measured ones`;
  }

  replay(each: IovaCase): Verdict {
    if (each.op === 'alloc') return this.alloc(each);
    const mapping = this.live.get(each.slot);
    this.live.delete(each.slot);
    const { kernel, dev } = this.subject;
    const warnings = kernel.warnings;
    if (mapping !== undefined) dma_unmap_page(dev, mapping.address, mapping.length, DMA_BIDIRECTIONAL);
    return compare(each, 'no warning', kernel.warnings === warnings ? 'no warning' : 'a warning');
  }

  private alloc({ op, slot, offset, len, addr }: Alloc): Verdict {
    const { dev, block } = this.subject;
    const address = dma_map_page(dev, block, offset, len, DMA_BIDIRECTIONAL);
    const input = { op, slot, offset, len };
    if (dma_mapping_error(dev, address) !== 0)
      return compare(input, addr >= FAILED ? 'an error' : hex(addr), 'an error');
    const first = Number(address);
    const wrong = addr >= FAILED ? ['an error'] : this.violated(first, { op, slot, offset, len, addr });
    this.allocated++;
    if (first === addr) this.same++;
    this.live.set(slot, { address, first, length: len });
    return wrong.length === 0 ? null : compare(input, wrong.join(', '), hex(first));
  }

  /** What does not hold of an address, in the words of what was expected. */
  private violated(first: number, { offset, len, addr }: Alloc): string[] {
    const { dev, mode } = this.subject;
    const end = first + len;
    const rules: [string, boolean][] = [
      [`an end within the mask ${hex(dma_get_mask(dev))}`, BigInt(end - 1) <= dma_get_mask(dev)],
    ];
    for (const [slot, other] of this.live) {
      if (first < other.first + other.length && other.first < end) {
        rules.push([`nothing of slot ${slot}, which is at ${hex(other.first)}`, false]);
      }
    }
    if (mode === 'swiotlb-force') {
      rules.push([`${hex(addr % SLOT)} modulo ${SLOT}`, first % SLOT === addr % SLOT]);
    } else {
      const alignment = naturalAlignment(offset, len);
      rules.push([`${hex(addr % alignment)} modulo ${alignment}`, first % alignment === addr % alignment]);
      rules.push([`${hex(this.lowest)} or above`, first >= this.lowest]);
    }
    return rules.flatMap(([rule, holds]) => (holds ? [] : [rule]));
  }
}
