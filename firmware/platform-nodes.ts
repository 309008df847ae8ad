import { cells, cells64, type NodeSource, property, reference, strings } from '../base/fdt';
import {
  type InterruptControllerDescription,
  type IommuDescription,
  type MemoryGuardDescription,
  nodeName,
  type RequesterGateDescription,
} from './board';

/** In `interrupts-extended`, a context that leads nowhere. */
const NO_CONTEXT = 0xffff_ffff;

/**
 * `interrupt-controller/sifive,plic-1.0.0.yaml`. The binding wants the name of a chip before the generic one, except in a
 * deprecated form; the FU540's is the one whose layout the generic name stands for.
 */
export const interruptControllerNode = (plic: InterruptControllerDescription): NodeSource => ({
  name: nodeName('interrupt-controller', plic),
  label: plic.label,
  properties: [
    property('compatible', strings('sifive,fu540-c000-plic', 'sifive,plic-1.0.0')),
    property('reg', cells64(plic.base, plic.size)),
    property('#address-cells', cells(0)),
    property('#interrupt-cells', cells(1)),
    property('interrupt-controller'),
    property(
      'interrupts-extended',
      ...plic.contexts.flatMap((cause) => [reference('cpu0_intc'), cells(cause === -1 ? NO_CONTEXT : cause)]),
    ),
    property('riscv,ndev', cells(plic.sources)),
  ],
});

/**
 * `iommu/riscv,iommu.yaml`. The binding lists two implementations: Tenstorrent's, which has a second register window, and
 * QEMU's, which is the architecture as specified with one. Drivers match on `riscv,iommu`.
 */
export const iommuNode = (iommu: IommuDescription): NodeSource => ({
  name: nodeName('iommu', iommu),
  label: iommu.label,
  properties: [
    property('compatible', strings('qemu,riscv-iommu', 'riscv,iommu')),
    property('reg', cells64(iommu.base, iommu.size)),
    property('interrupts', cells(...iommu.interrupts)),
    property('#iommu-cells', cells(1)),
  ],
});

/** The requester gate: this project's own, referred to as `access-controllers/access-controllers.yaml` has it. */
export const gateNode = (gate: RequesterGateDescription): NodeSource => ({
  name: nodeName('access-controller', gate),
  label: gate.label,
  properties: [
    property('compatible', strings('dmalab,requester-gate')),
    property('reg', cells64(gate.base, gate.size)),
    property('#access-controller-cells', cells(1)),
  ],
});

/** The memory guard: this project's own. */
export const memoryGuardNode = (guard: MemoryGuardDescription): NodeSource => ({
  name: nodeName('memory-guard', guard),
  label: guard.label,
  properties: [
    property('compatible', strings('dmalab,memory-guard')),
    property('reg', cells64(guard.base, guard.size)),
  ],
});
