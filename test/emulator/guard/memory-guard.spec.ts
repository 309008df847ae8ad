import { expect } from 'chai';
import fc from 'fast-check';

import { physAddr } from '../../../base/address';
import { BUS_ACCESS_FAULT, BUS_OK } from '../../../base/bus-outcome';
import { Trace } from '../../../base/trace';
import { BusPort } from '../../../emulator/bus/port';
import { COPY_WRITE_SIDE } from '../../../emulator/bus/device-port';
import { SystemBus } from '../../../emulator/bus/system-bus';
import { GuardedBus } from '../../../emulator/guard/guarded-bus';
import { MemoryGuard, type PrivateMemory } from '../../../emulator/guard/memory-guard';
import { Ram } from '../../../emulator/memory/ram';

const BASE = 0x8000_0000;
const PAGES = 16;
const FIRST = BASE / 4096;

interface Board {
  readonly bus: SystemBus;
  readonly guard: MemoryGuard;
  readonly port: BusPort;
  readonly events: string[];
}

const board = (kind: PrivateMemory): Board => {
  const bus = new SystemBus(new Ram([{ base: physAddr(BASE), size: PAGES * 4096 }]));
  const trace = new Trace(() => 0);
  const guard = new MemoryGuard(bus, kind);
  const events: string[] = [];
  trace.subscribe(({ event }) => {
    if (event.type === 'private-access') events.push(`${event.write ? 'w' : 'r'}${event.page - FIRST}`);
  });
  const port = new BusPort({ bus: new GuardedBus(bus, guard, trace, 5), trace, requesterId: 5 });
  return { bus, guard, port, events };
};

const command = ({ guard }: Board, what: number, first: number, count: number): number => {
  guard.registers.write(0x10, 8, first, 0);
  guard.registers.write(0x18, 4, count, 0);
  guard.registers.write(0x08, 4, 3, 0);
  guard.registers.write(0x0c, 4, what, 0);
  return guard.registers.register('STATUS').lo & 1;
};

const pattern = (seed: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 31 + seed);

describe('memory guard', () => {
  it('lets no device at memory before it is shared, and counts', () => {
    const it = board('fault');
    const bytes = pattern(1, 64);
    expect(it.port.write(FIRST, 8, bytes, 0, 64)).to.equal(BUS_ACCESS_FAULT);
    expect(it.port.read(FIRST, 8, bytes, 0, 64)).to.equal(BUS_ACCESS_FAULT);
    expect(it.port.copy(FIRST, 0, FIRST + 1, 0, 64)).to.equal(BUS_ACCESS_FAULT);
    expect(bytes).to.deep.equal(pattern(1, 64));
    expect(it.events).to.deep.equal(['w0', 'r0', 'r0']);
    expect(it.guard.registers.register('REFUSED_READS').lo).to.equal(2);
    expect(it.guard.registers.register('REFUSED_WRITES').lo).to.equal(1);
    expect(it.guard.registers.register('STATUS').lo).to.equal(2);
  });

  it('lets devices at shared pages, and at no other', () => {
    const it = board('fault');
    expect(command(it, 1, FIRST + 2, 2)).to.equal(0);
    const bytes = pattern(3, 0x3000);
    expect(it.port.write(FIRST + 2, 0, bytes, 0, 0x2000)).to.equal(BUS_OK);
    expect(it.port.write(FIRST + 2, 0x800, bytes, 0, 0x2000), 'into the next page').to.equal(BUS_ACCESS_FAULT);
    expect(it.port.copy(FIRST + 2, 0, FIRST + 4, 0, 64)).to.equal(BUS_ACCESS_FAULT + COPY_WRITE_SIDE);
    expect(command(it, 2, FIRST + 3, 1)).to.equal(0);
    expect(it.port.read(FIRST + 3, 0, bytes, 0, 1)).to.equal(BUS_ACCESS_FAULT);
    expect(it.port.read(FIRST + 2, 0, bytes, 0, 1)).to.equal(BUS_OK);
  });

  it('refuses commands that make no sense, and then does nothing', () => {
    const it = board('fault');
    for (const [what, first, count] of [
      [0, FIRST, 1],
      [3, FIRST, 1],
      [1, FIRST - 1, 2],
      [1, FIRST + PAGES - 1, 2],
      [1, FIRST, 0xffff_ffff],
    ] as const) {
      expect(command(it, what, first, count)).to.equal(1);
    }
    for (let page = 0; page < PAGES; page++) expect(it.guard.isPrivate(FIRST + page)).to.equal(true);
    expect(it.guard.isPrivate(FIRST + PAGES), 'no RAM').to.equal(false);
    expect(command(it, 1, FIRST, 0)).to.equal(0);
  });

  it('loses what a page held, and nothing when there was nothing to do', () => {
    for (const kind of ['fault', 'garbage'] as const) {
      const it = board(kind);
      const bytes = pattern(7, 4096);
      const now = (): Uint8Array => {
        const found = new Uint8Array(4096);
        it.bus.read(BASE, found, 0, 4096);
        return found;
      };
      it.bus.write(BASE, bytes, 0, 4096);
      command(it, 2, FIRST, 1);
      expect(now(), 'was private already').to.deep.equal(bytes);
      command(it, 1, FIRST, 1);
      expect(now()).not.to.deep.equal(bytes);
    }
  });

  it('shows garbage in place of private data, where memory is enciphered', () => {
    const it = board('garbage');
    const [secret, found] = [pattern(9, 256), new Uint8Array(256)];
    it.bus.write(BASE + 100, secret, 0, 256);
    expect(it.port.read(FIRST, 100, found, 0, 256)).to.equal(BUS_OK);
    const same = found.filter((byte, i) => byte === secret[i]).length;
    expect(same).to.be.lessThan(16);
    expect(it.port.write(FIRST, 100, secret, 0, 256)).to.equal(BUS_OK);
    it.bus.read(BASE + 100, found, 0, 256);
    expect(found).not.to.deep.equal(secret);
    expect(it.port.read(FIRST, 100, found, 0, 256)).to.equal(BUS_OK);
    expect(found, 'the device reads back what it wrote').to.deep.equal(secret);
  });

  it('is to devices what a plain model says, for random commands and accesses', () => {
    const action = fc.record({
      kind: fc.constantFrom('share', 'unshare', 'read', 'write', 'copy'),
      page: fc.nat(PAGES - 1),
      other: fc.nat(PAGES - 1),
      offset: fc.nat(4095),
      length: fc.integer({ min: 1, max: 9000 }),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const it = board('fault');
        const shared = new Set<number>();
        const model = new Uint8Array(PAGES * 4096);
        for (const [step, { kind, page, other, offset, length: wanted }] of actions.entries()) {
          const length = Math.min(wanted, (PAGES - page) * 4096 - offset, (PAGES - other) * 4096 - offset);
          const at = page * 4096 + offset;
          /** Bytes from a page on up to the first private page. */
          const reach = (from: number): number => {
            let end = from;
            while (end < PAGES && shared.has(end)) end++;
            return Math.max(end * 4096 - (from * 4096 + offset), 0);
          };
          if (kind === 'share' || kind === 'unshare') {
            if (shared.has(page) !== (kind === 'share')) model.fill(0, page * 4096, page * 4096 + 4096);
            if (kind === 'share') shared.add(page);
            else shared.delete(page);
            command(it, kind === 'share' ? 1 : 2, FIRST + page, 1);
          } else if (kind === 'write') {
            const done = Math.min(length, reach(page));
            const bytes = pattern(step, length);
            expect(it.port.write(FIRST + page, offset, bytes, 0, length) === BUS_OK).to.equal(done === length);
            model.set(bytes.subarray(0, done), at);
          } else if (kind === 'read') {
            const done = Math.min(length, reach(page));
            const bytes = new Uint8Array(length);
            expect(it.port.read(FIRST + page, offset, bytes, 0, length) === BUS_OK).to.equal(done === length);
            expect(bytes.subarray(0, done)).to.deep.equal(model.slice(at, at + done));
          } else {
            const done = Math.min(length, reach(page), reach(other));
            const result = it.port.copy(FIRST + page, offset, FIRST + other, offset, length);
            expect(result === BUS_OK).to.equal(done === length);
            model.copyWithin(other * 4096 + offset, at, at + done);
          }
        }
        const found = new Uint8Array(model.length);
        it.bus.read(BASE, found, 0, found.length);
        expect(Buffer.compare(found, model)).to.equal(0);
      }),
      { numRuns: 80 },
    );
  });
});
