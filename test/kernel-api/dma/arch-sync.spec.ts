import { expect } from 'chai';
import { RiscvIsa } from '../../../kernel-api/boot/riscv-isa';
import {
  arch_dma_prep_coherent,
  arch_sync_dma_for_cpu,
  arch_sync_dma_for_device,
  dma_get_cache_alignment,
} from '../../../kernel-api/dma/arch-sync';
import {
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_NONE,
  DMA_TO_DEVICE,
  type DmaDataDirection,
} from '../../../kernel-api/dma/direction';
import { FakeCpuPort } from '../../support/fake-cpu-port';
import { makeFakeKernel } from '../../support/fake-kernel';

const AT = 0x8000_1234;

/** What the calls make the CPU do. */
const doneBy = (isa: RiscvIsa, dir: DmaDataDirection): Record<string, string[]> => {
  const run = (call: (kernel: ReturnType<typeof makeFakeKernel>) => void): string[] => {
    const cpu = new FakeCpuPort();
    call(makeFakeKernel({ cpu, isa }));
    return cpu.maintenance;
  };
  return {
    device: run((kernel) => arch_sync_dma_for_device(kernel, AT, 0x100, dir)),
    cpu: run((kernel) => arch_sync_dma_for_cpu(kernel, AT, 0x100, dir)),
    prep: run((kernel) => arch_dma_prep_coherent(kernel, AT, 0x100)),
  };
};

describe('arch_sync_dma', () => {
  const zicbom = new RiscvIsa(['zicbom'], 64);

  it('cleans for the device in every direction, and invalidates for the CPU what the device wrote', () => {
    const clean = ['clean 80001234 100'];
    const invalidate = ['invalidate 80001234 100'];
    const prep = ['flush 80001234 100'];
    expect(doneBy(zicbom, DMA_TO_DEVICE)).to.deep.equal({ device: clean, cpu: [], prep });
    expect(doneBy(zicbom, DMA_FROM_DEVICE)).to.deep.equal({ device: clean, cpu: invalidate, prep });
    expect(doneBy(zicbom, DMA_BIDIRECTIONAL)).to.deep.equal({ device: clean, cpu: invalidate, prep });
    expect(doneBy(zicbom, DMA_NONE)).to.deep.equal({ device: [], cpu: [], prep });
  });

  it('does nothing on a CPU without usable cache operations', () => {
    const nothing = { device: [], cpu: [], prep: [] };
    for (const isa of [new RiscvIsa([], 64), new RiscvIsa(['zicbom'], 0), new RiscvIsa(['zicbom'], 48)]) {
      expect(doneBy(isa, DMA_BIDIRECTIONAL)).to.deep.equal(nothing);
      expect(dma_get_cache_alignment(makeFakeKernel({ isa }))).to.equal(1);
    }
    expect(dma_get_cache_alignment(makeFakeKernel({ isa: zicbom }))).to.equal(64);
    expect(dma_get_cache_alignment(makeFakeKernel({ isa: new RiscvIsa(['zicbom'], 128) }))).to.equal(64);
  });
});
