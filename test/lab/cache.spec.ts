import { expect } from 'chai';
import { physAddr, type VirtAddr } from '../../base/address';
import { TraceHasher } from '../../base/trace';
import type { DevicePort } from '../../emulator/bus/device-port';
import type { Device, DeviceHost } from '../../emulator/device';
import { CachedCpu } from '../../emulator/cpu/cached-cpu';
import { Cpu } from '../../emulator/cpu/cpu';
import { SystemBus } from '../../emulator/bus/system-bus';
import {
  __free_pages,
  alloc_page,
  dma_wmb,
  GFP_KERNEL,
  mb,
  page_address,
  page_to_phys,
  PAGE_KERNEL,
  pgprot_dmacoherent,
  smp_wmb,
  VM_MAP,
  vmap,
  vunmap,
  wmb,
  writel,
  writel_relaxed,
  type IoMem,
  type Kernel,
} from '../../kernel-api';
import { arch_dma_prep_coherent } from '../../kernel-api/dma/arch-sync';
import { ioremap } from '../../kernel-api/io/ioremap';
import { Machine } from '../../lab/machine';
import type { MachineOptions } from '../../lab/machine-options';
import { hostTurn, onMachine, SMALL_MEMORY } from '../support/on-machine';

const PAGE = 4096;

/** A bus master with a doorbell: rung with a page number, it fetches the first word of that page at once. */
class Fetcher implements Device {
  readonly name = 'fetcher';
  readonly interruptCount = 0;
  readonly busMaster = true;
  /** What was fetched last. */
  fetched = -1;
  private port: DevicePort | undefined;
  readonly mmio = [
    {
      name: 'fetcher',
      size: 0x1000,
      read: (): 0 => 0,
      peek: (): 0 => 0,
      write: (_offset: number, _width: number, lo: number): 0 => {
        const words = new Int32Array(1);
        this.port?.readWords(lo, 0, words, 0, 1);
        this.fetched = words[0]!;
        return 0;
      },
    },
  ];
  connect(host: DeviceHost): void {
    this.port = host.dma;
  }
  reset(): void {
    this.fetched = -1;
  }
}

interface Bench {
  readonly kernel: Kernel;
  readonly machine: Machine;
  readonly fetcher: Fetcher;
  readonly regs: IoMem;
}

/** Runs on a machine with a fetcher that no IOMMU is before. */
const withFetcher = <T>(options: MachineOptions, body: (bench: Bench) => T, seed = 1): Promise<T> =>
  onMachine(
    {
      dmac: false,
      ...options,
      nodes: [
        {
          label: 'fetcher',
          compatible: ['test,fetcher'],
          device: () => new Fetcher(),
          bus: { behindIommu: false },
        },
      ],
    },
    (kernel, machine) => {
      const fetcher = machine.hardware.device('fetcher', Fetcher);
      const node = machine.deviceTree.root.child('soc')!.children.find(({ name }) => name.startsWith('fetcher'))!;
      const base = parseInt(node.name.split('@')[1]!, 16);
      return body({ kernel, machine, fetcher, regs: ioremap(kernel, physAddr(base), PAGE)! });
    },
    seed,
  );

/** A page, mapped uncached. */
const uncachedPage = (kernel: Kernel): { cpu: VirtAddr; linear: VirtAddr; pfn: number; free: () => void } => {
  const page = alloc_page(kernel, GFP_KERNEL)!;
  arch_dma_prep_coherent(kernel, page_to_phys(page), PAGE);
  const cpu = vmap(kernel, [page], 1, VM_MAP, pgprot_dmacoherent(PAGE_KERNEL));
  const free = (): void => {
    vunmap(kernel, cpu);
    __free_pages(page, 0);
  };
  return { cpu, linear: page_address(page), pfn: page.pfn, free };
};

describe('machine with a cache', () => {
  it('has none where everyone snoops, and then is built of what it always was', () => {
    const hardwareOf = (options: MachineOptions): Machine['hardware'] =>
      new Machine({ memory: SMALL_MEMORY, ...options }, { hostTurn }).hardware;
    for (const options of [{}, { coherent: false, cache: false }] as const) {
      const { cpu, memory, bus } = hardwareOf(options);
      expect(memory).to.equal(undefined);
      expect(Object.getPrototypeOf(cpu)).to.equal(Cpu.prototype);
      expect(Object.getPrototypeOf(bus)).to.equal(SystemBus.prototype);
      expect(cpu.uncached).to.equal(cpu);
    }
    for (const options of [{ coherent: false }, { dmac: { coherent: false } }, { cache: {} }] as const) {
      const { cpu, memory } = hardwareOf(options);
      expect(memory?.cache.size).to.equal(32 * 1024);
      expect(cpu).to.be.instanceOf(CachedCpu);
    }
    expect(hardwareOf({ cache: { sets: 16, ways: 3 } }).memory?.cache.slots).to.equal(48);
    for (const cache of [{ sets: 5 }, { size: 4 }, true, { adversarial: { often: 1 } }]) {
      expect(() => hardwareOf({ cache } as unknown as MachineOptions)).to.throw(/cache/);
    }
  });

  it('shows a non-coherent device what is in RAM, and both views to who looks', async () => {
    await withFetcher({ coherent: false }, ({ kernel, fetcher, regs, machine }) => {
      const page = alloc_page(kernel, GFP_KERNEL)!;
      const physical = page_to_phys(page);
      kernel.mm.store32(page_address(page), 0);
      kernel.cpu.flushLines(physical, 4);
      kernel.mm.store32(page_address(page), 0x1234);
      writel(page.pfn, regs);
      expect(fetcher.fetched).to.equal(0);
      const peek = (bus: { peek: SystemBus['peek'] }): number => {
        const bytes = new Uint8Array(2);
        bus.peek(physical, bytes, 0, 2);
        return bytes[0]! + 256 * bytes[1]!;
      };
      const { hardware } = machine;
      expect([peek(hardware.bus), peek(hardware.memory!.cpu)]).to.deep.equal([0, 0x1234]);
      kernel.cpu.cleanLines(physical, 4);
      writel(page.pfn, regs);
      expect(fetcher.fetched).to.equal(0x1234);
    });
  });

  it('maps pages uncached: one memory, whatever the cache holds', async () => {
    await withFetcher({ coherent: false }, ({ kernel, fetcher, regs }) => {
      const { cpu, linear, pfn, free } = uncachedPage(kernel);
      const { mm } = kernel;
      const at = (offset: number): VirtAddr => (cpu + offset) as VirtAddr;
      mm.store8(at(0), 0x11);
      mm.store16(at(1), 0x3322);
      mm.store8(at(3), 0x44);
      mm.store64(at(8), 1, 2);
      mm.store64(at(12), 7, 8);
      writel(pfn, regs);
      expect(fetcher.fetched).to.equal(0x4433_2211);
      expect([mm.load8(at(3)), mm.load16(at(1)), mm.load32(at(0))]).to.deep.equal([0x44, 0x3322, 0x4433_2211]);
      expect([mm.load32(at(8)), mm.load32(at(12)), mm.load32(at(16)), mm.loadPointer(at(13))]).to.deep.equal([
        1,
        7,
        8,
        8 * 2 ** 24,
      ]);
      mm.write(at(100), Uint8Array.of(1, 2, 3));
      mm.fill(at(103), 9, 2);
      mm.copy(at(105), at(100), 5);
      expect([...mm.read(at(100), 10)]).to.deep.equal([1, 2, 3, 9, 9, 1, 2, 3, 9, 9]);
      // The linear map is another matter: what it got into the cache stays there.
      expect(mm.load32(linear)).to.equal(0x4433_2211);
      mm.store32(at(0), 5);
      expect(mm.load32(linear)).to.equal(0x4433_2211);
      mm.copy(at(200), linear, 4);
      expect(mm.load32(at(200))).to.equal(0x4433_2211);
      free();
    });
  });

  it('maps them like any other where the CPU has no memory types', async () => {
    await withFetcher({ coherent: false }, ({ kernel, fetcher, regs }) => {
      Object.defineProperty(kernel.isa, 'hasPageMemoryTypes', { value: false });
      const { cpu, pfn } = uncachedPage(kernel);
      kernel.mm.store32(cpu, 77);
      writel(pfn, regs);
      expect(fetcher.fetched).not.to.equal(77);
    });
  });

  /** In how many of 100 attempts the device sees a descriptor that is not there yet. */
  const missedDescriptors = (
    coherent: boolean,
    ring: (regs: IoMem, pfn: number, kernel: Kernel) => void,
  ): Promise<number> =>
    withFetcher({ coherent, cache: { adversarial: true } }, ({ kernel, fetcher, regs }) => {
      const { cpu, linear, pfn } = uncachedPage(kernel);
      const descriptor = coherent ? linear : cpu;
      let missed = 0;
      for (let attempt = 1; attempt <= 100; attempt++) {
        kernel.mm.store32(descriptor, attempt);
        ring(regs, pfn, kernel);
        if (fetcher.fetched !== attempt) missed++;
        wmb(kernel);
      }
      return missed;
    });

  for (const coherent of [true, false]) {
    const who = coherent ? 'a coherent device' : 'a non-coherent device';

    it(`lets ${who} be rung before its descriptor is there, if nobody orders that`, async () => {
      expect(await missedDescriptors(coherent, (regs, pfn) => writel_relaxed(pfn, regs))).to.be.within(20, 100);
      const wrongBarrier = (regs: IoMem, pfn: number, kernel: Kernel): void => {
        smp_wmb(kernel);
        writel_relaxed(pfn, regs);
      };
      expect(await missedDescriptors(coherent, wrongBarrier)).to.be.within(20, 100);
    });

    it(`and not if somebody does, for ${who}`, async () => {
      expect(await missedDescriptors(coherent, (regs, pfn) => writel(pfn, regs))).to.equal(0);
      for (const barrier of [wmb, dma_wmb, mb]) {
        const ordered = (regs: IoMem, pfn: number, kernel: Kernel): void => {
          barrier(kernel);
          writel_relaxed(pfn, regs);
        };
        expect(await missedDescriptors(coherent, ordered)).to.equal(0);
      }
    });
  }

  it('runs a whole kernel in adversarial mode, the same every time', async () => {
    const hashOf = async (seed: number): Promise<string> => {
      const hasher = new TraceHasher();
      const machine = new Machine({ memory: SMALL_MEMORY, cache: { adversarial: true } }, { hostTurn, seed });
      machine.trace.subscribe(hasher.add);
      await machine.run(() => undefined);
      expect(machine.kernel.warnings).to.equal(0);
      return hasher.digest();
    };
    expect(await hashOf(3)).to.equal(await hashOf(3));
    expect(await hashOf(3)).not.to.equal(await hashOf(4));
  });
});
