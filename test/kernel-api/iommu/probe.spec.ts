import { setImmediate as immediate } from 'node:timers/promises';
import { expect } from 'chai';
import { silentLogger } from '../../../base/logger';
import { ENODEV, ENOMEM, EPROBE_DEFER } from '../../../base/errno';
import { cells, cells64, property, reference, strings, type NodeSource } from '../../../base/fdt';
import { of_platform_populate } from '../../../kernel-api/base/of-platform';
import { platform_driver_register, platform_driver_unregister } from '../../../kernel-api/base/platform';
import { RiscvIommu } from '../../../emulator/iommu/iommu';
import type { RiscvIommuOptions } from '../../../emulator/iommu/options';
import { DmaSubsystem } from '../../../kernel-api/dma/dma-subsystem';
import { iommu_set_default_passthrough, IommuSubsystem } from '../../../kernel-api/iommu/iommu-subsystem';
import { riscvIommuDriver } from '../../../kernel-api/iommu/riscv-iommu/driver';
import { Machine } from '../../../lab/machine';
import { makeRunningKernel, rootNode, type RunningKernel } from '../../support/running-kernel';

const IOMMU_BASE = 0x0301_0000;

interface Board {
  readonly status?: string;
  readonly ids?: readonly number[];
  readonly interrupts?: readonly number[];
  readonly hardware?: RiscvIommuOptions;
  readonly iommus?: boolean;
}

/** A small board with an IOMMU and one device behind it. */
const board = ({
  status,
  ids = [5],
  interrupts = [1, 2, 3, 4],
  hardware = {},
  iommus = true,
}: Board = {}): RunningKernel => {
  const iommu: NodeSource = {
    name: `iommu@${IOMMU_BASE.toString(16)}`,
    label: 'iommu',
    properties: [
      property('compatible', strings('riscv,iommu')),
      property('reg', cells64(IOMMU_BASE, 0x1000)),
      property('#iommu-cells', cells(1)),
      ...(interrupts.length === 0 ? [] : [property('interrupts', cells(...interrupts))]),
      ...(status === undefined ? [] : [property('status', strings(status))]),
    ],
  };
  const master: NodeSource = {
    name: 'master',
    properties: [
      property('compatible', strings('test,master')),
      ...(iommus ? [property('iommus', ...ids.flatMap((id) => [reference('iommu'), cells(id)]))] : []),
    ],
  };
  const running = makeRunningKernel({ tree: rootNode(master, iommu) });
  const { kernel, bus, clock, plic } = running;
  const lines = [1, 2, 3, 4].map((source) => plic.line(source));
  bus.mount(IOMMU_BASE, new RiscvIommu(hardware, bus, clock, kernel.trace, lines));
  Object.defineProperty(kernel, 'iommu', { value: new IommuSubsystem(kernel) });
  const dma = new DmaSubsystem(kernel);
  Object.defineProperty(dma, 'ram', { value: [] });
  Object.defineProperty(kernel, 'dma', { value: dma });
  return running;
};

const master = { driver: { name: 'test-master', of_match_table: [{ compatible: 'test,master' }] }, probe: () => 0 };

const bindAndUnbind = async (kernel: RunningKernel['kernel']): Promise<void> => {
  const driver = riscvIommuDriver(kernel);
  await platform_driver_register(kernel, driver);
  await platform_driver_unregister(kernel, driver);
};

describe('kernel-api/iommu: finding the IOMMU of a device', () => {
  it('defers a driver until the IOMMU has its own', async () => {
    const { kernel, sched } = board();
    await sched.run(async () => {
      await of_platform_populate(kernel, null, null);
      await platform_driver_register(kernel, master);
      const dev = kernel.drivers.find('master')!;
      expect(kernel.iommu.probeDevice(dev)).to.equal(-EPROBE_DEFER);
      expect(dev.driver).to.equal(null);
      expect(kernel.drivers.deferred).to.eql(['master']);
      await platform_driver_register(kernel, riscvIommuDriver(kernel));
      await kernel.drivers.enableDeferredProbing();
      expect(dev.driver?.name).to.equal('test-master');
      expect(dev.iommu?.ids).to.eql([5]);
      expect(dev.iommu?.domain?.type).to.equal('dma');
      expect(kernel.iommu.probeDevice(dev)).to.equal(0);
    });
  });

  const direct = async (running: RunningKernel): Promise<void> => {
    const { kernel, sched } = running;
    await sched.run(async () => {
      await of_platform_populate(kernel, null, null);
      await platform_driver_register(kernel, riscvIommuDriver(kernel));
      await platform_driver_register(kernel, master);
      const dev = kernel.drivers.find('master')!;
      expect(dev.driver?.name).to.equal('test-master');
      expect(dev.iommu).to.equal(null);
      expect(kernel.iommu.probeDevice(dev)).to.equal(-ENODEV);
    });
  };

  it('does without an IOMMU that is disabled', () => direct(board({ status: 'disabled' })));
  it('does without one where the device names none', () => direct(board({ iommus: false })));
  it('does without one whose directory the id does not fit', () =>
    direct(board({ ids: [128], hardware: { directoryLevels: 1 } })));

  it('takes the highest id that each directory has', async () => {
    for (const [directoryLevels, id] of [
      [1, 127],
      [2, 65_535],
      [3, 2 ** 24 - 1],
    ] as const) {
      const { kernel, sched } = board({ ids: [id, 3], hardware: { directoryLevels } });
      await sched.run(async () => {
        await of_platform_populate(kernel, null, null);
        await platform_driver_register(kernel, riscvIommuDriver(kernel));
        expect(kernel.drivers.find('master')?.iommu?.ids).to.eql([id, 3]);
      });
    }
  });

  it('shares one wire between all causes', async () => {
    const { kernel, sched } = board({ interrupts: [2] });
    await sched.run(async () => {
      await of_platform_populate(kernel, null, null);
      await platform_driver_register(kernel, riscvIommuDriver(kernel));
      expect(kernel.drivers.find('master')?.iommu?.domain?.type).to.equal('dma');
    });
  });

  it('does not bind without an interrupt', async () => {
    const { kernel, sched, logged } = board({ interrupts: [] });
    await sched.run(async () => {
      await of_platform_populate(kernel, null, null);
      await platform_driver_register(kernel, riscvIommuDriver(kernel));
      expect(logged).to.include('error: has no interrupts');
      expect(kernel.iommu.probeDevice(kernel.drivers.find('master')!)).to.equal(-EPROBE_DEFER);
    });
  });

  it('puts devices into the identity domain with iommu.passthrough', async () => {
    const { kernel, sched } = board();
    await sched.run(async () => {
      iommu_set_default_passthrough(kernel);
      await of_platform_populate(kernel, null, null);
      await platform_driver_register(kernel, riscvIommuDriver(kernel));
      expect(kernel.drivers.find('master')?.iommu?.domain?.type).to.equal('identity');
    });
  });

  it('frees everything when its driver goes, and can be bound again', async () => {
    const { kernel, sched, bus } = board();
    await sched.run(async () => {
      await of_platform_populate(kernel, null, null);
      await bindAndUnbind(kernel);
      const before = kernel.mm.statistics();
      for (let round = 0; round < 3; round++) {
        const driver = riscvIommuDriver(kernel);
        expect(await platform_driver_register(kernel, driver)).to.equal(0);
        expect(kernel.drivers.find('master')?.iommu?.domain?.type).to.equal('dma');
        await platform_driver_unregister(kernel, driver);
        expect(kernel.drivers.find('master')?.iommu).to.equal(null);
        expect(bus.load32(IOMMU_BASE + 0x10) & 0xf).to.equal(0);
        expect(bus.load32(IOMMU_BASE + 0x48) & 0x1_0000).to.equal(0);
        expect(bus.load32(IOMMU_BASE + 0x4c) & 0x1_0000).to.equal(0);
      }
      expect(kernel.mm.statistics().allocatedPages).to.equal(before.allocatedPages);
    });
  });

  it('fails to bind without memory at any point, and then nothing stays allocated', async () => {
    const { kernel, sched } = board();
    await sched.run(async () => {
      await of_platform_populate(kernel, null, null);
      await bindAndUnbind(kernel);
      const before = kernel.mm.statistics().allocatedPages;
      for (let failing = 1; failing < 30; failing++) {
        kernel.mm.failures.failNth(failing);
        await bindAndUnbind(kernel);
        kernel.mm.failures.clear();
        expect(kernel.mm.statistics().allocatedPages).to.equal(before);
      }
      expect(kernel.drivers.failures.length).to.be.within(4, 20);
      for (const { error } of kernel.drivers.failures) expect(error).to.equal(-ENOMEM);
      await platform_driver_register(kernel, riscvIommuDriver(kernel));
      expect(kernel.drivers.find('master')?.iommu?.domain?.type).to.equal('dma');
    });
  });

  it('boots a whole machine with the device behind it', async () => {
    const machine = new Machine(
      { memory: [{ base: 0x8000_0000, size: 16 << 20 }] },
      { hostTurn: () => immediate(), log: silentLogger },
    );
    await machine.run((kernel) => {
      const behind = kernel.drivers.devices.filter((dev) => dev.iommu !== null);
      expect(behind.map((dev) => dev.driver !== null)).to.eql([true]);
    });
  });
});
