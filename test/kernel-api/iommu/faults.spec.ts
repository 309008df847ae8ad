import { expect } from 'chai';
import { physAddr } from '../../../base/address';
import type { StructDevice } from '../../../kernel-api/base/struct-device';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { decodeFault } from '../../../kernel-api/iommu/riscv-iommu/fault-queue';
import { faultCauseName, transactionTypeName } from '../../../kernel-api/iommu/riscv-iommu/fault-causes';
import type { RiscvIommu } from '../../../kernel-api/iommu/riscv-iommu/riscv-iommu';
import { makeFakeKernel } from '../../support/fake-kernel';

/** The encodings that the specification defines ("Fault record CAUSE field encodings"). */
const CAUSES = [1, 4, 5, 6, 7, 12, 13, 15, 20, 21, 23, ...Array.from({ length: 19 }, (_, i) => 256 + i)];

interface Fields {
  readonly cause: bigint;
  readonly pid: bigint;
  readonly pv: bigint;
  readonly ttyp: bigint;
  readonly did: bigint;
  readonly iotval: bigint;
  readonly iotval2: bigint;
}

const rig = (): { decode: (fields: Fields) => ReturnType<typeof decodeFault> } => {
  const kernel = makeFakeKernel({ banks: [{ base: 0x8000_0000, size: 1 << 20 }] });
  const at = kernel.mm.allocPfn(GFP_KERNEL, 0) * 4096;
  const known = { name: 'dma-controller' } as StructDevice;
  const iommu = {
    kernel,
    dev: { name: 'iommu' },
    deviceOf: (id: number) => (id === 0xabcdef ? known : undefined),
  } as unknown as RiscvIommu;
  const store = (offset: number, value: bigint): void => {
    kernel.cpu.store64(physAddr(at + offset), Number(value & 0xffff_ffffn), Number(value >> 32n));
  };
  return {
    decode: ({ cause, pid, pv, ttyp, did, iotval, iotval2 }) => {
      store(0, cause | (pid << 12n) | (pv << 32n) | (ttyp << 34n) | (did << 40n));
      store(8, 0xdead_beefn);
      store(16, iotval);
      store(24, iotval2);
      return decodeFault(iommu, physAddr(at));
    },
  };
};

describe('kernel-api/iommu: fault records', () => {
  it('decodes every field of every cause', () => {
    const { decode } = rig();
    CAUSES.forEach((cause, i) => {
      const ttyp = [1, 2, 3, 5, 6, 7, 8, 9][i % 8]!;
      const iotval = 0xfedc_ba98_7654_3210n ^ BigInt(i);
      const fault = decode({
        cause: BigInt(cause),
        pid: 0xf_1234n,
        pv: 1n,
        ttyp: BigInt(ttyp),
        did: 0xabcdefn,
        iotval,
        iotval2: 7n,
      });
      expect(fault).to.deep.include({ cause, ttyp, deviceId: 0xabcdef, device: 'dma-controller', iommu: 'iommu' });
      expect(fault).to.deep.include({ iova: iotval, iotval2: 7n, processId: 0xf1234, write: ttyp === 3 || ttyp === 7 });
      expect(fault.causeName).not.to.match(/reserved|custom/);
      expect(fault.ttypName).not.to.match(/reserved|custom/);
    });
    expect(new Set(CAUSES.map(faultCauseName)).size).to.equal(CAUSES.length);
  });

  it('has words for what the specification leaves open', () => {
    const { decode } = rig();
    const fault = decode({ cause: 4095n, pid: 0n, pv: 0n, ttyp: 0n, did: 0n, iotval: 0n, iotval2: 0n });
    expect(fault).to.deep.include({
      causeName: 'custom cause 4095',
      ttypName: 'no transaction',
      device: null,
      processId: null,
    });
    expect(faultCauseName(275)).to.equal('reserved cause 275');
    expect(transactionTypeName(4)).to.equal('reserved transaction type 4');
    expect(transactionTypeName(63)).to.equal('custom transaction type 63');
  });
});
