import { expect } from 'chai';
import { dmaAddr, physAddr } from '../../../base/address';
import { EADDRINUSE, EBUSY, EINVAL, ENOMEM } from '../../../base/errno';
import type { IommuCommandEvent } from '../../../base/trace-events';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import {
  iommu_attach_device,
  iommu_detach_device,
  iommu_domain_free,
  iommu_get_domain_for_dev,
  iommu_iova_to_phys,
  iommu_map,
  iommu_map_sg,
  iommu_paging_domain_alloc,
  iommu_unmap,
} from '../../../kernel-api/iommu/iommu';
import { IOMMU_FAULT_WRITE, iommu_set_fault_handler } from '../../../kernel-api/iommu/faults';
import { IOMMU_READ, IOMMU_WRITE, type IommuDomain } from '../../../kernel-api/iommu/iommu-domain';
import { IotlbGather } from '../../../kernel-api/iommu/iotlb-gather';
import { RiscvPagingDomain } from '../../../kernel-api/iommu/riscv-iommu/paging-domain';
import type { RiscvIommu } from '../../../kernel-api/iommu/riscv-iommu/riscv-iommu';
import { pfn_to_page } from '../../../kernel-api/mm/page';
import { sg_next, sg_set_page } from '../../../kernel-api/scatterlist/scatterlist';
import { sg_alloc_table, SgTable } from '../../../kernel-api/scatterlist/sg-table';
import { msleep } from '../../../kernel-api/sched/delay';
import { onIommuMachine, peekByte, type IommuMachine } from './iommu-machine';

const RW = IOMMU_READ | IOMMU_WRITE;
const IOVA = 0x12_3456_7000;

const domainOf = ({ dev }: IommuMachine): IommuDomain => iommu_get_domain_for_dev(dev)!;

/** A page of RAM of the kernel's, with a pattern in it; its physical address. */
const page = (kernel: IommuMachine['kernel'], order = 0): number => {
  const pfn = kernel.mm.allocPfn(GFP_KERNEL, order);
  expect(pfn).to.be.above(0);
  for (let at = 0; at < 16; at++) kernel.cpu.store8(physAddr(pfn * 4096 + at), 0xa0 + at);
  return pfn * 4096;
};

const commandsIn = (rig: IommuMachine, body: () => void): IommuCommandEvent[] => {
  const from = rig.events.length;
  body();
  return rig.events.slice(from).filter((event) => event.type === 'iommu-command');
};

describe('kernel-api/iommu: the RISC-V IOMMU driver on the machine', () => {
  it('lets a device reach what is mapped, and only while it is', () =>
    onIommuMachine({}, async (rig) => {
      const { kernel } = rig;
      const domain = domainOf(rig);
      expect(domain.type).to.equal('dma');
      const phys = page(kernel);
      expect(iommu_map(domain, dmaAddr(IOVA), physAddr(phys), 4096, RW)).to.equal(0);
      expect(iommu_iova_to_phys(domain, dmaAddr(IOVA + 5))).to.equal(phys + 5);
      expect(rig.read(IOVA + 5)).to.equal(0xa5);
      expect(rig.write(IOVA + 6, 0x42)).to.equal(0);
      expect(peekByte(kernel, phys + 6)).to.equal(0x42);
      expect(iommu_unmap(domain, dmaAddr(IOVA), 4096)).to.equal(4096);
      expect(rig.write(IOVA + 6, 0x43)).to.be.below(0);
      expect(peekByte(kernel, phys + 6)).to.equal(0x42);
      await rig.settle();
      expect(kernel.iommu.faults).to.have.length(1);
      const fault = kernel.iommu.faults[0]!;
      expect(fault).to.include({
        cause: 15,
        causeName: 'write/AMO page fault',
        ttyp: 3,
        write: true,
        device: rig.dev.name,
        deviceId: rig.dev.iommu!.ids[0]!,
        processId: null,
      });
      expect(fault.iova >> 12n).to.equal(BigInt(IOVA) >> 12n);
      expect(rig.logged.filter((line) => line.includes('Fault 15 devid: 0x1 iotval: 0x123456700'))).to.have.length(1);
    }));

  it('uses the old translation until the invalidation, and not after', () =>
    onIommuMachine({}, (rig) => {
      const domain = domainOf(rig);
      const phys = page(rig.kernel);
      iommu_map(domain, dmaAddr(IOVA), physAddr(phys), 4096, RW);
      expect(rig.read(IOVA)).to.equal(0xa0);
      const gather = new IotlbGather();
      expect(domain.unmapPages(IOVA / 4096, 1, gather)).to.equal(1);
      expect(rig.read(IOVA)).to.equal(0xa0);
      domain.iotlbSync(gather);
      expect(rig.read(IOVA)).to.be.below(0);
    }));

  for (const bits of [39, 48, 57] as const) {
    it(`uses the widest mode there is: Sv${bits}`, () =>
      onIommuMachine({ iommu: { capabilities: { virtualAddressBits: bits } } }, (rig) => {
        const domain = domainOf(rig);
        const last = 2 ** (bits - 13) - 1;
        expect(domain.aperturePageEnd).to.equal(last);
        const phys = page(rig.kernel);
        expect(domain.mapPages(last, phys / 4096, 1, RW)).to.equal(0);
        expect(rig.read(dmaAddr((BigInt(last) << 12n) + 3n))).to.equal(0xa3);
      }));
  }

  for (const directoryLevels of [1, 2, 3] as const) {
    it(`works with a directory of ${directoryLevels} level(s)`, () =>
      onIommuMachine({ iommu: { directoryLevels } }, (rig) => {
        const mode = rig.machine.hardware.iommu!.registers.register('ddtp').lo & 0xf;
        expect(mode).to.equal(directoryLevels + 1);
        expect(domainOf(rig).mapPages(1, page(rig.kernel) / 4096, 1, RW)).to.equal(0);
        expect(rig.read(0x1001)).to.equal(0xa1);
      }));
  }

  it('invalidates what changed: pages by address, then the whole address space', () =>
    onIommuMachine({}, (rig) => {
      const domain = domainOf(rig);
      const map = (first: number, count: number): void => void domain.mapPages(first, 0x8_0001, count, RW);
      const unmap = (first: number, count: number): IommuCommandEvent[] =>
        commandsIn(rig, () => iommu_unmap(domain, dmaAddr(BigInt(first) << 12n), count * 4096));
      map(5, 3);
      const three = unmap(5, 3);
      expect(three.map(({ opcode }) => opcode)).to.eql([1, 1, 1, 2]);
      const pscid = (three[0]!.word0 >> 12n) & 0xfffffn;
      expect(pscid > 0n).to.equal(true);
      three.slice(0, 3).forEach((command, i) => {
        expect(command.word0 & 0x3ffn).to.equal(1n);
        expect((command.word0 >> 10n) & 1n).to.equal(1n);
        expect((command.word0 >> 32n) & 1n).to.equal(1n);
        expect(command.word1 >> 10n).to.equal(BigInt(5 + i));
      });
      map(512, 512);
      const table = unmap(512, 512);
      expect(table.map(({ opcode }) => opcode)).to.eql([1, 2]);
      expect((table[0]!.word0 >> 10n) & 1n).to.equal(0n);
      expect((table[0]!.word0 >> 12n) & 0xfffffn).to.equal(pscid);
      map(1025, 600);
      expect(unmap(1025, 600)).to.have.length(2);
    }));

  it('invalidates a range with one command where the hardware can', () =>
    onIommuMachine({ iommu: { capabilities: { rangeInvalidation: true } } }, (rig) => {
      const domain = domainOf(rig);
      const phys = page(rig.kernel, 3) / 4096;
      domain.mapPages(0x1004, phys, 5, RW);
      for (let i = 0; i < 5; i++) expect(rig.read((0x1004 + i) * 4096)).to.be.at.least(0);
      const commands = commandsIn(rig, () => iommu_unmap(domain, dmaAddr(0x1004_000), 5 * 4096));
      expect(commands).to.have.length(2);
      expect(commands[0]!.word1).to.equal((BigInt(0x1000 + 7) << 10n) | (1n << 9n));
      for (let i = 0; i < 5; i++) expect(rig.read((0x1004 + i) * 4096)).to.be.below(0);
    }));

  it('goes round the command queue many times', () =>
    onIommuMachine({}, (rig) => {
      const domain = domainOf(rig);
      for (let round = 0; round < 60; round++) {
        const first = 1 + round * 1000;
        const probe = (first + ((round * 7) % 400)) * 4096;
        for (let i = 0; i < 400; i++) domain.mapPages(first + i, 0x8_0001, 1, RW);
        expect(rig.read(probe)).to.be.at.least(0);
        expect(iommu_unmap(domain, dmaAddr(first * 4096), 400 * 4096)).to.equal(400 * 4096);
        expect(rig.read(probe)).to.be.below(0);
      }
      expect(rig.logged.filter((line) => line.startsWith('error'))).to.eql([]);
    }));

  it('waits for room in a full command queue, and loses no command', () =>
    onIommuMachine({}, (rig) => {
      const { commands } = rig.dev.iommu!.iommu as RiscvIommu;
      const sent = 20_000;
      const seen = commandsIn(rig, () => {
        commands.invalidatePages(1, 0, 1, sent, false);
        expect(commands.sync()).to.equal(0);
      });
      expect(seen).to.have.length(sent + 1);
      const wrong = seen.slice(0, sent).filter(({ word1 }, i) => word1 >> 10n !== BigInt(i));
      expect(wrong).to.eql([]);
    }));

  it('gives soft-context ids back, also where a domain cannot be made', () =>
    onIommuMachine({}, (rig) => {
      const pscid = (): number => {
        const domain = iommu_paging_domain_alloc(rig.dev);
        if (!(domain instanceof RiscvPagingDomain)) throw new Error('no domain');
        iommu_domain_free(domain);
        return domain.pscid;
      };
      const next = pscid();
      expect(next).to.equal(2);
      rig.kernel.mm.failures.failNth(1);
      expect(iommu_paging_domain_alloc(rig.dev)).to.equal(-ENOMEM);
      rig.kernel.mm.failures.clear();
      expect(pscid()).to.equal(next);
    }));

  it('keeps mappings of domains apart, and moves a device between them', () =>
    onIommuMachine({}, async (rig) => {
      const { dev, kernel } = rig;
      const own = domainOf(rig);
      const other = iommu_paging_domain_alloc(dev) as IommuDomain;
      const [first, second] = [page(kernel), page(kernel)];
      kernel.cpu.store8(physAddr(second), 0x77);
      iommu_map(own, dmaAddr(IOVA), physAddr(first), 4096, RW);
      iommu_map(other, dmaAddr(IOVA), physAddr(second), 4096, RW);
      expect(rig.read(IOVA)).to.equal(0xa0);
      expect(iommu_attach_device(other, dev)).to.equal(0);
      expect(rig.read(IOVA)).to.equal(0x77);
      const seen: number[] = [];
      iommu_set_fault_handler(
        other,
        (_domain, _dev, iova, flags) => {
          seen.push(Number(iova >> 12n), flags);
          return 0;
        },
        null,
      );
      expect(rig.write(0x5000, 1)).to.be.below(0);
      await rig.settle();
      expect(seen).to.eql([5, IOMMU_FAULT_WRITE]);
      const third = iommu_paging_domain_alloc(dev) as IommuDomain;
      expect(iommu_attach_device(third, dev)).to.equal(-EBUSY);
      iommu_domain_free(third);
      iommu_detach_device(other, dev);
      expect(rig.read(IOVA)).to.equal(0xa0);
      iommu_domain_free(other);
      expect(kernel.warnings).to.equal(0);
    }));

  it('refuses what Linux refuses', () =>
    onIommuMachine({}, (rig) => {
      const domain = domainOf(rig);
      expect(iommu_map(domain, dmaAddr(IOVA), physAddr(0x8000_0800), 4096, RW)).to.equal(-EINVAL);
      expect(iommu_map(domain, dmaAddr(IOVA), physAddr(0x8000_0000), 100, RW)).to.equal(-EINVAL);
      expect(iommu_map(domain, dmaAddr(IOVA + 4096), physAddr(0x8000_0000), 4096, RW)).to.equal(0);
      expect(iommu_map(domain, dmaAddr(IOVA), physAddr(0x8000_0000), 8192, RW)).to.equal(-EADDRINUSE);
      expect(iommu_iova_to_phys(domain, dmaAddr(IOVA))).to.equal(0);
      expect(iommu_iova_to_phys(domain, dmaAddr(IOVA + 4096))).to.equal(0x8000_0000);
      const blocked = rig.dev.iommu!.iommu!.ops.blocked_domain;
      expect(iommu_map(blocked, dmaAddr(IOVA), physAddr(0x8000_0000), 4096, RW)).to.equal(-EINVAL);
      expect(iommu_unmap(blocked, dmaAddr(IOVA), 4096)).to.equal(0);
      expect(rig.kernel.warnings).to.equal(2);
    }));

  it('maps lists, and joins what is contiguous', () =>
    onIommuMachine({}, (rig) => {
      const { kernel } = rig;
      const domain = domainOf(rig);
      const [first, second] = [page(kernel), page(kernel, 1)];
      const sgt = new SgTable(kernel);
      expect(sg_alloc_table(sgt, 3, GFP_KERNEL)).to.equal(0);
      const entry = [sgt.sgl!, sg_next(sgt.sgl!)!, sg_next(sg_next(sgt.sgl!)!)!];
      sg_set_page(entry[0]!, pfn_to_page(kernel, second / 4096), 5000, 0);
      sg_set_page(entry[1]!, pfn_to_page(kernel, second / 4096 + 1), 3192, 904);
      sg_set_page(entry[2]!, pfn_to_page(kernel, first / 4096), 4096, 0);
      expect(iommu_map_sg(domain, dmaAddr(IOVA), sgt.sgl!, 3, RW)).to.equal(12_288);
      expect(iommu_iova_to_phys(domain, dmaAddr(IOVA + 8191))).to.equal(second + 8191);
      expect(iommu_iova_to_phys(domain, dmaAddr(IOVA + 8192))).to.equal(first);
      expect(iommu_unmap(domain, dmaAddr(IOVA), 12_288)).to.equal(12_288);
      sg_set_page(entry[2]!, pfn_to_page(kernel, first / 4096), 100, 0);
      expect(iommu_map_sg(domain, dmaAddr(IOVA), sgt.sgl!, 3, RW)).to.equal(-EINVAL);
      expect(iommu_iova_to_phys(domain, dmaAddr(IOVA))).to.equal(0);
    }));

  it('passes physical addresses to a device in the identity domain, and none to a blocked one', () =>
    onIommuMachine({}, async (rig) => {
      const { ops } = rig.dev.iommu!.iommu!;
      const phys = page(rig.kernel);
      expect(iommu_attach_device(ops.identity_domain, rig.dev)).to.equal(0);
      expect(rig.read(phys + 2)).to.equal(0xa2);
      rig.dev.iommu!.group!.setDomain(ops.blocked_domain);
      expect(rig.read(phys + 2)).to.be.below(0);
      await rig.settle();
      expect(rig.kernel.iommu.faults.map(({ cause }) => cause)).to.eql([258]);
    }));

  it('reports a command queue that hangs, and goes on', () =>
    onIommuMachine({ timeLimit: 1_000_000 }, (rig) => {
      const domain = domainOf(rig);
      domain.mapPages(1, page(rig.kernel) / 4096, 1, RW);
      rig.machine.hardware.bus.store32(0x0301_0048, 0);
      const before = rig.kernel.cpu.now;
      expect(iommu_unmap(domain, dmaAddr(0x1000), 4096)).to.equal(4096);
      expect(rig.kernel.cpu.now - before).to.be.within(90e9, 90.001e9);
      domain.mapPages(1, 0x8_0000, 1, RW);
      iommu_unmap(domain, dmaAddr(0x1000), 4096);
      const errors = rig.logged.filter((line) => line.startsWith('error'));
      expect(errors).to.eql(['error: a command does not come to its end']);
    })).timeout(60_000);

  /** The physical address of the command queue. */
  const commandQueue = (rig: IommuMachine): number => {
    const { lo, hi } = rig.machine.hardware.iommu!.registers.register('cqb');
    return Number((((BigInt(hi) << 32n) | BigInt(lo)) >> 10n) << 12n);
  };

  it('survives a command queue in poisoned memory', () =>
    onIommuMachine({}, async (rig) => {
      const domain = domainOf(rig);
      const { bus } = rig.machine.hardware;
      domain.mapPages(1, page(rig.kernel) / 4096, 1, RW);
      bus.mark(commandQueue(rig), 131_072, 'poisoned');
      iommu_unmap(domain, dmaAddr(0x1000), 4096);
      bus.unmark(commandQueue(rig), 131_072);
      await rig.settle();
      expect(rig.logged.some((line) => line.includes('the command queue has stopped'))).to.equal(true);
      expect(rig.logged.some((line) => line.includes('Queue #0 error; fault:1'))).to.equal(true);
      domain.mapPages(2, 0x8_0000, 1, RW);
      iommu_unmap(domain, dmaAddr(0x2000), 4096);
      expect(rig.read(0x1000)).to.be.below(0);
      expect(rig.logged.filter((line) => line.startsWith('error'))).to.have.length(1);
    }));

  it('gives a command queue up that stops at the same command for ever', () =>
    onIommuMachine({}, async (rig) => {
      const domain = domainOf(rig);
      const { bus } = rig.machine.hardware;
      bus.mark(commandQueue(rig), 131_072, 'faulting');
      for (let i = 0; i < 3; i++) {
        domain.mapPages(1, 0x8_0000, 1, RW);
        iommu_unmap(domain, dmaAddr(0x1000), 4096);
        await rig.settle();
      }
      expect(rig.logged.some((line) => line.includes('the command queue is out of order'))).to.equal(true);
      expect(rig.logged.filter((line) => line.includes('Queue #0 error'))).to.have.length(9);
    }));

  it('drains a fault queue that has overflowed', () =>
    onIommuMachine({}, async (rig) => {
      const enabled = rig.kernel.cpu.setInterruptsEnabled(false);
      for (let i = 0; i < 5000; i++) rig.read(0x10_0000 + i * 4096);
      rig.kernel.cpu.setInterruptsEnabled(enabled);
      await msleep(rig.kernel, 10);
      expect(rig.kernel.iommu.faultCount).to.equal(4095);
      expect(rig.logged.some((line) => line.includes('overflow:1'))).to.equal(true);
      expect(rig.logged.filter((line) => line.includes('Fault 13'))).to.have.length(10);
      rig.read(0x7000);
      await msleep(rig.kernel, 10);
      expect(rig.kernel.iommu.faultCount).to.equal(4096);
    }));
});
