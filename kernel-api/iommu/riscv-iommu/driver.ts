import { ENODEV, EPROBE_DEFER } from '../../../base/errno';
import { dev_err } from '../../base/dev-printk';
import {
  devm_platform_ioremap_resource,
  platform_get_drvdata,
  platform_get_irq,
  platform_irq_count,
  platform_set_drvdata,
  type PlatformDevice,
  type PlatformDriver,
} from '../../base/platform';
import type { Kernel } from '../../kernel';
import { iommu_device_register, iommu_device_unregister } from '../iommu';
import { RiscvIommuOps } from './ops';
import { RiscvIommuRegisters } from './registers';
import { CAUSES } from './regs';
import { RiscvIommu } from './riscv-iommu';

const probe = async (pdev: PlatformDevice, ops: RiscvIommuOps): Promise<number> => {
  const { dev } = pdev;
  const node = dev.of_node;
  if (node === null) return -ENODEV;
  const io = devm_platform_ioremap_resource(pdev, 0);
  if (typeof io === 'number') return io;
  const count = platform_irq_count(pdev);
  if (count === -EPROBE_DEFER) return count;
  if (count <= 0) {
    dev_err(dev, 'has no interrupts');
    return -ENODEV;
  }
  const irqs = Array.from({ length: Math.min(count, CAUSES) }, (_, index) => platform_get_irq(pdev, index));
  const iommu = new RiscvIommu(dev, node, ops, new RiscvIommuRegisters(io));
  const error = await iommu.start(irqs);
  if (error !== 0) return error;
  platform_set_drvdata(pdev, iommu);
  ops.iommus.set(node, iommu);
  return iommu_device_register(dev.kernel, iommu, ops, dev);
};

const remove = async (pdev: PlatformDevice, ops: RiscvIommuOps): Promise<void> => {
  const iommu = platform_get_drvdata<RiscvIommu>(pdev);
  iommu_device_unregister(iommu);
  await iommu.stop();
  ops.iommus.delete(iommu.of_node);
};

/**
 * The driver of `riscv,iommu` nodes (bindings/iommu/riscv,iommu.yaml), as a platform device. It cannot be unbound by
 * name: the devices behind it could do nothing without it.
 */
export const riscvIommuDriver = (kernel: Kernel): PlatformDriver => {
  const ops = new RiscvIommuOps(kernel);
  return {
    driver: { name: 'riscv,iommu', of_match_table: [{ compatible: 'riscv,iommu' }], suppress_bind_attrs: true },
    probe: (pdev) => probe(pdev, ops),
    remove: (pdev) => remove(pdev, ops),
    shutdown: (pdev) => platform_get_drvdata<RiscvIommu>(pdev).shutdown(),
  };
};
