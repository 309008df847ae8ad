import {
  GFP_KERNEL,
  dma_alloc_coherent,
  dma_free_coherent,
  dma_wmb,
  out,
  virtAddr,
  type DmaAddr,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './engine';

/** Bits of a descriptor's flags, as the driver knows them. */
export const RING = { SIZE: 16, SEND: 0x1, LAST: 0x4000_0000, OWN: 0x8000_0000 } as const;

/** A ring of descriptors in coherent memory, as drivers keep it. */
export class DescriptorRing {
  /** What the engine is told. */
  readonly handle: DmaAddr;
  readonly cpu: VirtAddr;
  readonly entries: number;
  private readonly engine: Engine;

  private constructor(engine: Engine, entries: number, cpu: VirtAddr, handle: DmaAddr) {
    this.engine = engine;
    this.entries = entries;
    this.cpu = cpu;
    this.handle = handle;
  }

  /** All descriptors are the driver's. NULL if there is no memory. */
  static alloc(engine: Engine, entries: number): DescriptorRing | null {
    const handle = out(0n as DmaAddr);
    const cpu = dma_alloc_coherent(engine.dev, entries * RING.SIZE, handle, GFP_KERNEL);
    return cpu === 0 ? null : new DescriptorRing(engine, entries, cpu, handle.value);
  }

  free(): void {
    dma_free_coherent(this.engine.dev, this.entries * RING.SIZE, this.cpu, this.handle);
  }

  /** Gives a descriptor to the engine: what it says has to be in memory before the bit that says whose it is. */
  put(index: number, address: DmaAddr, length: number, flags: number): void {
    const { mm } = this.engine.kernel;
    const at = this.cpu + index * RING.SIZE;
    mm.store32(virtAddr(at), Number(address & 0xffff_ffffn));
    mm.store32(virtAddr(at + 4), Number(address >> 32n));
    mm.store32(virtAddr(at + 8), length);
    dma_wmb(this.engine.kernel);
    mm.store32(virtAddr(at + 12), (flags | RING.OWN) >>> 0);
  }

  /** Whether the engine has given a descriptor back. */
  isDone(index: number): boolean {
    return (this.engine.kernel.mm.load32(virtAddr(this.cpu + index * RING.SIZE + 12)) & RING.OWN) === 0;
  }
}
