import { expect } from 'chai';
import fc from 'fast-check';
import { PAGE_SIZE, dmaAddr, dmaAddrOf, dmaOffsetOf, dmaPageOf, physAddr, type DmaAddr } from '../../../base/address';
import { BUS_ACCESS_FAULT, BUS_NO_ADDRESS, BUS_OK } from '../../../base/bus-outcome';
import { LabError } from '../../../base/errors';
import { u64 } from '../../../base/u64';
import { COPY_WRITE_SIDE, copyFailedWriting, copyOutcome } from '../../../emulator/bus/device-port';
import { dmaCopy, dmaRead, dmaWrite } from '../../../emulator/bus/dma-access';
import type { BusPortOptions } from '../../../emulator/bus/port';
import { RequesterGate } from '../../../emulator/bus/requester-gate';
import { SystemBus } from '../../../emulator/bus/system-bus';
import { Ram } from '../../../emulator/memory/ram';
import {
  LOW,
  HIGH,
  PAGES,
  BANK,
  LOW_PAGE,
  HIGH_PAGE,
  board,
  window,
  pattern,
  TableTranslator,
  makePort,
  listen,
  offset,
  wiring,
  access,
  contents,
  checkAgainstModel,
} from './port-model';

describe('device port', () => {
  it('behaves like a map of bytes, whatever its wires, windows, tables and marks', function () {
    this.timeout(60_000);
    fc.assert(fc.property(wiring, fc.array(access, { minLength: 1, maxLength: 3 }), checkAgainstModel), {
      numRuns: 80,
    });
  });

  it('copies within a page, between neighbours and between aliases as if all were read first', () => {
    // Device pages 0 to 3 run backwards through memory, and 4 to 7 alias them: pieces overwrite each other's sources.
    const table = new Map([0, 1, 2, 3, 4, 5, 6, 7].map((page) => [page, LOW_PAGE + 3 - (page % 4)]));
    const overlapping = fc.record({
      do: fc.constant('copy' as const),
      page: fc.nat(3),
      offset,
      toPage: fc.nat(6),
      toOffset: offset,
      length: fc.integer({ min: 1, max: 3 * PAGE_SIZE }),
    });
    fc.assert(
      fc.property(fc.array(overlapping, { minLength: 1, maxLength: 3 }), (accesses) => {
        checkAgainstModel({ wires: 64, windows: [], table, marks: [] }, accesses);
      }),
      { numRuns: 40 },
    );
  });

  it('loses the address bits for which it has no wires', () => {
    const bus = board();
    const port = makePort(bus, { addressWires: 32 });
    expect(dmaWrite(port, dmaAddr(0xdead_beef_0000_0000n + BigInt(LOW) + 5n), Uint8Array.of(1, 2, 3))).to.equal(BUS_OK);
    expect(dmaRead(port, dmaAddr(LOW + 4), 5).bytes).to.deep.equal(Uint8Array.of(0, 1, 2, 3, 0));
    expect(dmaRead(makePort(bus), dmaAddr(0xdead_beef_0000_0000n + BigInt(LOW)), 1).outcome).to.equal(BUS_NO_ADDRESS);
  });

  it('goes on at address 0 where its wires wrap, and stops where the address space ends', () => {
    const bus = board();
    const windows = [
      window(0n, LOW, 1),
      window(0xffff_f000n, LOW + PAGE_SIZE, 1),
      window(2n ** 64n - 4096n, LOW + 2 * PAGE_SIZE, 1),
    ];
    const data = pattern(8, 3);
    const wrapping = makePort(bus, { addressWires: 32, windows });
    expect(dmaWrite(wrapping, dmaAddr(0xffff_fffcn), data)).to.equal(BUS_OK);
    expect(contents(bus, LOW).subarray(2 * PAGE_SIZE - 4, 2 * PAGE_SIZE)).to.deep.equal(data.subarray(0, 4));
    expect(contents(bus, LOW).subarray(0, 4)).to.deep.equal(data.subarray(4));
    const full = makePort(bus, { windows });
    expect(dmaWrite(full, dmaAddr(2n ** 64n - 4n), data)).to.equal(BUS_NO_ADDRESS);
    expect(contents(bus, LOW).subarray(3 * PAGE_SIZE - 4, 3 * PAGE_SIZE)).to.deep.equal(data.subarray(0, 4));
    expect(dmaWrite(full, dmaAddr(2n ** 64n - 4n), data.subarray(0, 4))).to.equal(BUS_OK);
  });

  it('passes windows with their offset, and nothing beside them', () => {
    const bus = board();
    const port = makePort(bus, { windows: [window(0x4000_0000n, HIGH, 2)] });
    expect(dmaWrite(port, dmaAddr(0x4000_0ffen), Uint8Array.of(1, 2, 3, 4))).to.equal(BUS_OK);
    expect(contents(bus, HIGH).subarray(4094, 4098)).to.deep.equal(Uint8Array.of(1, 2, 3, 4));
    for (const address of [0x3fff_ffff, 0x4000_2000, HIGH, 0]) {
      expect(dmaWrite(port, dmaAddr(address), Uint8Array.of(9))).to.equal(BUS_NO_ADDRESS);
    }
    expect(dmaWrite(port, dmaAddr(0x4000_1ffen), Uint8Array.of(5, 6, 7, 8))).to.equal(BUS_NO_ADDRESS);
    expect(contents(bus, HIGH).subarray(8190, 8192)).to.deep.equal(Uint8Array.of(5, 6));
  });

  it('asks the IOMMU once per page and side, after the wires, with windows only as a limit', () => {
    const bus = board();
    const translator = new TableTranslator(
      new Map([
        [0x40000, HIGH_PAGE],
        [0x40001, LOW_PAGE],
      ]),
    );
    const port = makePort(bus, { translator, addressWires: 40, windows: [window(0x4000_0000n, 0, 2)] });
    expect(port.write(0xff0_0004_0000, 4090, pattern(16, 1), 0, 16)).to.equal(BUS_OK);
    expect(port.copy(0x40000, 4090, 0x40001, 100, 6)).to.equal(BUS_OK);
    expect(port.read(0x40002, 0, new Uint8Array(4), 0, 4)).to.equal(BUS_NO_ADDRESS);
    expect(translator.asked).to.deep.equal(['7 w 262144+4090', '7 w 262145+0', '7 r 262144+4090', '7 w 262145+100']);
  });

  it('tells which side of a copy failed', () => {
    const port = makePort(board(), { translator: new TableTranslator(new Map([[1, LOW_PAGE]])) });
    const reading = port.copy(5, 0, 1, 0, 8);
    expect([reading, copyFailedWriting(reading)]).to.deep.equal([BUS_ACCESS_FAULT, false]);
    const writing = port.copy(1, 0, 5, 0, 8);
    expect([copyOutcome(writing), copyFailedWriting(writing)]).to.deep.equal([BUS_ACCESS_FAULT, true]);
  });

  it('ends a garbage length at the first hole, having copied what lay before', () => {
    const bus = board();
    bus.write(LOW, pattern(BANK, 1), 0, BANK);
    const port = makePort(bus);
    expect(dmaCopy(port, dmaAddr(LOW), dmaAddr(HIGH + PAGE_SIZE), 2 ** 50)).to.equal(BUS_NO_ADDRESS + COPY_WRITE_SIDE);
    expect(contents(bus, HIGH).subarray(PAGE_SIZE)).to.deep.equal(pattern(BANK, 1).subarray(0, BANK - PAGE_SIZE));
  });

  it('copies more pages than any copy before it', () => {
    const pages = 300;
    const bus = new SystemBus(new Ram([{ base: physAddr(LOW), size: 2 * pages * PAGE_SIZE }]));
    const data = pattern(pages * PAGE_SIZE, 5);
    bus.write(LOW, data, 0, data.length);
    // Source and target pages alternate in memory, so that only a look at the pages tells them apart.
    const order = Array.from({ length: pages }, (_, i) => (i * 7) % pages);
    const table = new Map(
      order.flatMap(
        (page, i) =>
          [
            [i, LOW_PAGE + page],
            [1000 + i, LOW_PAGE + pages + i],
          ] as const,
      ),
    );
    const port = makePort(bus, { translator: new TableTranslator(table) });
    expect(port.copy(0, 0, 1000, 0, data.length)).to.equal(BUS_OK);
    const got = new Uint8Array(data.length);
    bus.read(LOW + data.length, got, 0, got.length);
    order.forEach((page, i) => {
      const want = data.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
      expect(Buffer.compare(got.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE), want)).to.equal(0);
    });
  });

  it('does nothing, and asks nobody, for no bytes', () => {
    const { trace, events } = listen();
    const translator = new TableTranslator(new Map());
    const port = makePort(board(), { translator, trace });
    expect(port.read(0, 0, new Uint8Array(0), 0, 0)).to.equal(BUS_OK);
    expect(port.write(0, 0, new Uint8Array(0), 0, 0)).to.equal(BUS_OK);
    expect(port.copy(0, 0, 1, 0, 0)).to.equal(BUS_OK);
    expect([translator.asked, events]).to.deep.equal([[], []]);
  });

  it('refuses a buffer too small, by a LabError', () => {
    const port = makePort(board());
    expect(() => port.read(LOW_PAGE, 0, new Uint8Array(4), 1, 4)).to.throw(LabError, 'cannot hold');
    expect(() => port.write(LOW_PAGE, 0, new Uint8Array(4), -1, 4)).to.throw(LabError, 'cannot hold');
    expect(() => dmaRead(port, dmaAddr(LOW), -1)).to.throw(LabError, 'whole number');
    expect(() => dmaRead(port, dmaAddr(LOW), 2 ** 40)).to.throw(LabError, 'at once at the most');
  });

  it('refuses wires, requesters and windows that cannot be', () => {
    const make = (options: Partial<BusPortOptions>) => () => makePort(board(), options);
    for (const addressWires of [0, 65, 1.5, NaN]) expect(make({ addressWires })).to.throw(LabError, 'address wires');
    for (const requesterId of [-1, 2 ** 24, 0.5]) expect(make({ requesterId })).to.throw(LabError, 'requester id');
    expect(make({ windows: [window(0n, 0, 1), window(0n, 0, 0)] })).to.throw(LabError, 'window 1');
    expect(make({ windows: [window(1n, 0, 1)] })).to.throw(LabError, 'page boundaries');
    expect(make({ windows: [window(0n, 2 ** 52 - 4096, 2)] })).to.throw(LabError, 'beyond');
    expect(make({ windows: [window(2n ** 64n - 4096n, 0, 2)] })).to.throw(LabError, 'beyond');
  });
});

describe('device port trace', () => {
  it('shows one event per side with the address on the wires and the outcome', () => {
    const { trace, events } = listen();
    const port = makePort(board(), { trace, addressWires: 33 });
    const garbage = 0xff00_0000_0000_0000n;
    port.write(dmaPageOf(dmaAddr(garbage + BigInt(HIGH))), 8, new Uint8Array(5000), 0, 5000);
    port.read(3, 4, new Uint8Array(4), 0, 4);
    port.copy(LOW_PAGE, 1, HIGH_PAGE, 2, 9000);
    port.copy(LOW_PAGE + PAGES - 1, 0, HIGH_PAGE, 0, 9000);
    port.copy(LOW_PAGE, 0, HIGH_PAGE + PAGES, 0, 8);
    port.copy(1, 0, HIGH_PAGE, 0, 8);
    const at = (page: number, bytes: number): DmaAddr => dmaAddrOf(page, bytes);
    const event = (type: string, address: DmaAddr, length: number, outcome: number) => ({
      type,
      requester: 7,
      address,
      length,
      outcome,
    });
    expect(events).to.deep.equal([
      event('dma-write', at(HIGH_PAGE, 8), 5000, BUS_OK),
      event('dma-read', at(3, 4), 4, BUS_NO_ADDRESS),
      event('dma-read', at(LOW_PAGE, 1), 9000, BUS_OK),
      event('dma-write', at(HIGH_PAGE, 2), 9000, BUS_OK),
      event('dma-read', at(LOW_PAGE + PAGES - 1, 0), 9000, BUS_NO_ADDRESS),
      event('dma-write', at(HIGH_PAGE, 0), 4096, BUS_OK),
      event('dma-read', at(LOW_PAGE, 0), 8, BUS_OK),
      event('dma-write', at(HIGH_PAGE + PAGES, 0), 8, BUS_NO_ADDRESS),
      event('dma-read', at(1, 0), 8, BUS_NO_ADDRESS),
    ]);
    expect(dmaOffsetOf(at(LOW_PAGE, 1))).to.equal(1);
  });

  it('lets the IOMMU see an access first, then the gate turns it away, counted', () => {
    const { trace, events } = listen();
    const gate = new RequesterGate();
    gate.registers.write(0x100, 4, 1 << 7, 0);
    const translator = new TableTranslator(
      new Map([
        [1, LOW_PAGE],
        [2, LOW_PAGE + 1],
      ]),
    );
    const bus = board();
    const port = makePort(bus, { trace, gate, translator });
    expect(port.read(1, 8, new Uint8Array(4), 0, 4)).to.equal(BUS_ACCESS_FAULT);
    expect(port.write(1, 8, Uint8Array.of(1, 2, 3, 4), 0, 4)).to.equal(BUS_ACCESS_FAULT);
    expect(port.copy(1, 0, 2, 0, 4)).to.equal(BUS_ACCESS_FAULT);
    expect(translator.asked).to.have.length(3);
    expect(port.read(3, 8, new Uint8Array(4), 0, 4), 'not mapped: no business of the gate').to.equal(BUS_ACCESS_FAULT);
    const drop = { type: 'gate-drop', requester: 7, length: 4 };
    expect(events.filter(({ type }) => type === 'gate-drop')).to.deep.equal([
      { ...drop, write: false, address: 0x1008n },
      { ...drop, write: true, address: 0x1008n },
      { ...drop, write: false, address: 0x1000n },
    ]);
    gate.registers.write(0x010, 4, 7, 0);
    const dropped = u64();
    gate.registers.read(0x014, 4, dropped);
    expect(dropped.lo, 'reads').to.equal(2);
    gate.registers.read(0x018, 4, dropped);
    expect(dropped.lo, 'writes').to.equal(1);
    gate.registers.write(0x100, 4, 0, 0);
    expect(port.write(1, 8, Uint8Array.of(1, 2, 3, 4), 0, 4)).to.equal(BUS_OK);
    expect(bus.load32(LOW + 8)).to.equal(0x0403_0201);
  });
});
