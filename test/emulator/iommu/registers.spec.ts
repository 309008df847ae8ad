import { expect } from 'chai';
import { LabError } from '../../../base/errors';
import type { TraceEvent } from '../../../base/trace-events';
import { Clock } from '../../../emulator/clock';
import { RiscvIommu } from '../../../emulator/iommu/iommu';
import type { RiscvIommuOptions } from '../../../emulator/iommu/options';
import { IommuBoard, iofence, makeBoard, REG, RWX } from '../../support/iommu-builder';

describe('emulator/iommu registers', () => {
  it('advertises what it was given and nothing else', () => {
    const read = (options: RiscvIommuOptions): bigint => new IommuBoard(options).read64(REG.capabilities);
    const always = 0x10n | (1n << 9n) | (1n << 28n);
    const wide = (1n << 10n) | (1n << 11n);
    const pas = (bits: bigint): bigint => bits << 32n;
    expect(read({})).to.equal(always | wide | (1n << 24n) | pas(56n));
    const capabilities = { virtualAddressBits: 39, physicalAddressBits: 34, hardwareAccessedDirty: false } as const;
    expect(read({ capabilities })).to.equal(always | pas(34n));
    expect(read({ capabilities: { ...capabilities, virtualAddressBits: 48, rangeInvalidation: true } })).to.equal(
      always | (1n << 10n) | pas(34n) | (1n << 43n),
    );
    expect(read({ capabilities: { ...capabilities, nonLeafInvalidation: true, softwareBits: true } })).to.equal(
      always | pas(34n) | (1n << 42n) | (1n << 14n),
    );
  });

  it('signals by wire, is little-endian and has 64-bit guests only, whatever is written', () => {
    const board = new IommuBoard();
    for (const value of [0, 0xffff_ffff]) {
      board.write32(REG.fctl, value);
      expect(board.read32(REG.fctl)).to.equal(2);
    }
  });

  it('reads zero where nothing is implemented, and traces writes there by name', () => {
    const board = new IommuBoard();
    const names: string[] = [];
    board.trace.subscribe(({ event }: { event: TraceEvent }) => {
      if (event.type === 'unimplemented') names.push(event.register);
    });
    const absent = [
      12, 56, 64, 68, 80, 88, 92, 96, 104, 344, 352, 592, 600, 608, 616, 624, 688, 768, 776, 780, 1016, 4088,
    ];
    for (const offset of absent) {
      board.write32(offset, 0xffff_ffff);
      expect(board.read32(offset), `${offset}`).to.equal(0);
    }
    expect(names).to.have.length(absent.length);
    expect(names[1]).to.equal('pqb.value');
  });

  it('implements icvec for the wires that it has', () => {
    for (const [count, bits] of [
      [1, 0n],
      [2, 0x1111n],
      [4, 0x3333n],
      [16, 0xffffn],
    ] as const) {
      const lines = Array.from({ length: count }, () => ({ set: () => undefined }));
      const board = new IommuBoard();
      const iommu = new RiscvIommu({}, board.bus, new Clock(), board.trace, lines);
      iommu.write(REG.icvec, 8, 0xffff_ffff, 0xffff_ffff);
      const value = { lo: 0, hi: 0 };
      iommu.read(REG.icvec, 8, value);
      expect(value).to.deep.equal({ lo: Number(bits), hi: 0 });
    }
  });

  it('is as at power-on after a reset', () => {
    const { board, table } = makeBoard();
    const fresh = new IommuBoard();
    table.map(0x5000n, 0x8080_0000, RWX);
    board.translate(1, 0x5000n);
    board.translate(1, 0x6000n);
    board.queue(iofence());
    board.iommu.reset();
    expect(board.wires).to.deep.equal([false, false, false, false]);
    expect(board.clock.nextDeadline).to.equal(Infinity);
    for (let offset = 0; offset < 1024; offset += 4) {
      expect(board.read32(offset), `${offset}`).to.equal(fresh.read32(offset));
    }
    expect(board.translate(1, 0x5000n)).to.equal(-1);
    board.store(board.contextAddress(1), 0n);
    board.setMode(2, board.ddt);
    expect(board.translate(1, 0x5000n), 'no context was kept').to.equal(-1);
  });

  it('refuses options that make no sense, in a sentence', () => {
    const bad: RiscvIommuOptions[] = [
      { directoryLevels: 4 as 3 },
      { capabilities: { virtualAddressBits: 32 as 39 } },
      { capabilities: { physicalAddressBits: 33 } },
      { capabilities: { physicalAddressBits: 57 } },
      { iotlb: { sets: 3, ways: 1 } },
      { iotlb: { sets: 0, ways: 1 } },
      { contextCache: { sets: 1, ways: 128 } },
      { timing: { command: 0 } },
      { timing: { busy: -1 } },
      { timing: { fence: 1.5 } },
      { commandsPerBatch: 0 },
    ];
    for (const options of bad)
      expect(() => new IommuBoard(options)).to.throw(LabError, /IOMMU option .* is .*; it must be/);
    const board = new IommuBoard();
    expect(() => new RiscvIommu({}, board.bus, new Clock(), board.trace, [])).to.throw(LabError, /interrupt wires/);
  });
});
