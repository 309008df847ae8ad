import { expect } from 'chai';
import type { Timer } from '../../../emulator/clock';
import type { Device, DeviceHost } from '../../../emulator/device';
import { platform_driver_register, type PlatformDriver } from '../../../kernel-api/base/platform';
import type { BootedKernel } from '../../../kernel-api/boot/boot';
import { msleep, udelay, usleep_range } from '../../../kernel-api/sched/delay';
import type { Machine } from '../../../lab/machine';
import { onMachine } from '../../support/on-machine';

/** Reads an address that nobody has mapped, again and again, and does not mind being refused. */
class Storm implements Device {
  readonly name = 'storm';
  readonly mmio = [];
  readonly interruptCount = 0;
  readonly busMaster = true;
  attempts = 0;
  private readonly byte = new Uint8Array(1);
  private readonly everyNs: number;
  private timer: Timer | undefined;

  constructor(everyNs: number) {
    this.everyNs = everyNs;
  }

  connect(host: DeviceHost): void {
    this.timer = host.clock.timer('storm', () => {
      this.attempts++;
      host.dma.read(0x123, 0x45, this.byte, 0, 1);
      this.timer!.armAfter(this.everyNs);
    });
  }

  start(): void {
    this.timer!.armAfter(this.everyNs);
  }

  reset(): void {
    this.timer?.cancel();
  }
}

interface Rig {
  readonly kernel: BootedKernel;
  readonly machine: Machine;
  readonly storm: Storm;
  /** Unbinds the device. */
  readonly unbind: () => Promise<void>;
  /** Tasks of interrupts that have not ended. */
  readonly threads: () => string[];
}

/**
 * A machine with a device whose driver starts it in `probe`. Simulated time is short: what hangs, ends in an error.
 * @param everyNs far less than the kernel needs for a record, if it is not said
 */
const inStorm = (body: (rig: Rig) => Promise<void>, careful = true, everyNs = 20): Promise<void> =>
  onMachine(
    {
      dmac: false,
      fifo: false,
      revocation: 'strict',
      timeLimit: 200,
      nodes: [{ label: 'storm', compatible: ['test,storm'], device: () => new Storm(everyNs) }],
    },
    async (kernel, machine) => {
      const storm = machine.hardware.device('storm', Storm);
      const driver: PlatformDriver = {
        driver: { name: 'storm', of_match_table: [{ compatible: 'test,storm' }] },
        probe: () => (storm.start(), 0),
        ...(careful ? { remove: () => storm.reset() } : {}),
      };
      await platform_driver_register(kernel, driver);
      const dev = kernel.drivers.devices.find((candidate) => candidate.driver === driver.driver)!;
      await body({
        kernel,
        machine,
        storm,
        unbind: async () => {
          expect(await kernel.drivers.unbind('storm', dev.name)).to.equal(0);
        },
        threads: () => kernel.sched.tasks.map(({ name }) => name).filter((name) => name.startsWith('irq/')),
      });
    },
  );

describe('kernel-api/iommu: a device that faults faster than its faults are read', () => {
  for (const everyNs of [20, 100, 300, 1000]) {
    it(`every ${everyNs} ns: tasks go on, and unbinding ends it`, () =>
      inStorm(
        async ({ kernel, storm, unbind, threads }) => {
          await msleep(kernel, 1);
          let turns = 0;
          for (; turns < 100; turns++) await usleep_range(kernel, 20, 20);
          // 2 ms of sleep took not much more than that: whoever wakes up has its turn soon.
          expect(kernel.cpu.now).to.be.below(20e6);
          await unbind();
          await msleep(kernel, 10);
          expect(threads()).to.deep.equal([]);
          const { faultCount } = kernel.iommu;
          const { attempts } = storm;
          expect(faultCount).to.be.greaterThan(1000);
          await msleep(kernel, 5);
          expect([kernel.iommu.faultCount, storm.attempts]).to.deep.equal([faultCount, attempts]);
        },
        true,
        everyNs,
      ));
  }

  it('tasks that only give way to one another go on as well', () =>
    inStorm(async ({ kernel, unbind }) => {
      for (let turn = 0; turn < 200; turn++) await kernel.sched.yield();
      await unbind();
    }));

  it('each attempt is a record, or was lost while the queue was full, and that is counted', () =>
    inStorm(async ({ kernel, machine, storm, unbind, threads }) => {
      const iommu = machine.hardware.iommu!;
      const seen = { recorded: 0, lost: 0 };
      machine.trace.subscribe(({ event }) => {
        if (event.type === 'iommu-fault') seen[event.recorded ? 'recorded' : 'lost']++;
      });
      const enabled = kernel.cpu.setInterruptsEnabled(false);
      udelay(kernel, 200);
      kernel.cpu.setInterruptsEnabled(enabled);
      await unbind();
      await msleep(kernel, 10);
      expect(threads()).to.deep.equal([]);
      expect(kernel.iommu.faultOverflows).to.be.greaterThan(0);
      expect(iommu.lostFaults).to.be.greaterThan(4000);
      expect(kernel.iommu.faultCount + iommu.lostFaults).to.equal(storm.attempts);
      expect(seen.lost).to.equal(iommu.lostFaults);
      // The queue is in order again.
      const [{ faultCount }, { lostFaults }] = [kernel.iommu, iommu];
      storm.start();
      udelay(kernel, 1);
      storm.reset();
      await msleep(kernel, 5);
      expect(iommu.lostFaults).to.equal(lostFaults);
      expect(kernel.iommu.faultCount).to.be.greaterThan(faultCount);
    }));

  it('a careless driver: unbinding returns, others go on, and the machine comes to its end with the storm at work', async () => {
    let ended = false;
    await inStorm(async ({ kernel, storm, unbind }) => {
      await unbind();
      const { attempts } = storm;
      for (let turn = 0; turn < 50; turn++) await usleep_range(kernel, 20, 20);
      expect(storm.attempts).to.be.greaterThan(attempts);
      expect(kernel.iommu.faults.at(-1)!.cause).to.equal(258);
      ended = true;
    }, false);
    expect(ended).to.equal(true);
  });

  it('the IOMMU itself can be taken out of operation meanwhile', () =>
    inStorm(async ({ kernel, storm, threads }) => {
      await msleep(kernel, 1);
      const iommu = kernel.drivers.find(kernel.iommu.faults[0]!.iommu)!;
      const started = kernel.cpu.now;
      await kernel.drivers.removeDevice(iommu as never);
      expect(kernel.cpu.now - started).to.be.below(5e6);
      expect(threads()).to.deep.equal([]);
      storm.reset();
    }));
});
