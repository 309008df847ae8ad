import { dmaAddr, virtAddr, type DmaAddr, type VirtAddr } from '../../../base/address';
import { BUS_OK } from '../../../base/bus-outcome';
import type { Prng } from '../../../base/prng';
import { dma_pool_alloc, dma_pool_create, dma_pool_destroy, dma_pool_free } from '../../../kernel-api/dma/dmapool';
import * as api from '../../../kernel-api/dma/mapping';
import { out } from '../../../kernel-api/err';
import { GFP_ATOMIC, GFP_KERNEL } from '../../../kernel-api/gfp';
import { patternBytes } from '../../../lab/pattern';
import type { Findings } from './borrowed';
import type { Master } from './bus-master';

/** A piece of coherent memory. */
interface Block {
  readonly cpu: VirtAddr;
  readonly address: DmaAddr;
  readonly truth: Uint8Array;
}

const BLOCKS = 5;

/** Coherent memory, and blocks of a pool, which CPU and device use at any time without telling each other. */
export class SharedMemory {
  private readonly master: Master;
  private readonly rng: Prng;
  private readonly findings: Findings;
  private readonly blocks: Block[] = [];
  private readonly frees: (() => void)[] = [];

  /** @param fromPools all of it comes from the kernel's atomic pools */
  constructor(master: Master, rng: Prng, findings: Findings, fromPools: boolean) {
    this.master = master;
    this.rng = rng;
    this.findings = findings;
    const gfp = rng.oneIn(2) || fromPools ? GFP_ATOMIC : GFP_KERNEL;
    this.allocate(gfp);
    this.takeBlocks(gfp);
  }

  /** One access by one of the two. @returns how many reads were compared */
  use(serial: number): number {
    const { rng, master } = this;
    const { cpu, address, truth } = rng.pick(this.blocks);
    const from = rng.below(truth.length);
    const length = rng.between(1, truth.length - from);
    const bytes = patternBytes(serial, from, length);
    const { mm } = master.dev.kernel;
    switch (rng.below(4)) {
      case 0:
        truth.set(bytes, from);
        mm.write(virtAddr(cpu + from), bytes);
        return 0;
      case 1:
        truth.set(bytes, from);
        if (master.write(dmaAddr(address + BigInt(from)), bytes) !== BUS_OK) this.findings.wrong.push('write refused');
        return 0;
      case 2:
        this.compare(mm.read(virtAddr(cpu + from), length), truth, from, 'the CPU');
        return 1;
      default: {
        const got = master.read(dmaAddr(address + BigInt(from)), length);
        if (typeof got === 'number') this.findings.wrong.push(`coherent memory: the bus refuses a read: ${got}`);
        else this.compare(got, truth, from, 'the device');
        return 1;
      }
    }
  }

  free(): void {
    for (const free of this.frees) free();
  }

  private allocate(gfp: number): void {
    const { rng, master } = this;
    const { dev } = master;
    const size = rng.between(1, 9000);
    const handle = out(dmaAddr(0));
    const cpu = api.dma_alloc_coherent(dev, size, handle, gfp);
    const address = handle.value;
    if (cpu === 0) throw new Error('no coherent memory');
    this.blocks.push({ cpu, address, truth: new Uint8Array(size) });
    this.frees.push(() => api.dma_free_coherent(dev, size, cpu, address));
  }

  private takeBlocks(gfp: number): void {
    const { rng, master } = this;
    const size = rng.between(8, 100);
    const pool = dma_pool_create('blocks', master.dev, size, 0, 0)!;
    const handle = out(dmaAddr(0));
    for (let n = 0; n < BLOCKS; n++) {
      const cpu = dma_pool_alloc(pool, gfp, handle);
      const address = handle.value;
      if (cpu === 0) throw new Error('no block');
      master.dev.kernel.mm.fill(cpu, 0, size);
      this.blocks.push({ cpu, address, truth: new Uint8Array(size) });
      this.frees.push(() => dma_pool_free(pool, cpu, address));
    }
    this.frees.push(() => dma_pool_destroy(pool));
  }

  private compare(bytes: Uint8Array, truth: Uint8Array, from: number, who: string): void {
    const at = bytes.findIndex((byte, i) => byte !== truth[from + i]);
    if (at < 0) return;
    this.findings.wrong.push(`coherent memory: ${who} reads ${bytes[at]!} instead of ${truth[from + at]!}`);
  }
}
