import { expect } from 'chai';
import fc from 'fast-check';

import { PAGE_SIZE, physAddr } from '../../../base/address';
import { BUS_ACCESS_FAULT, BUS_OK } from '../../../base/bus-outcome';
import { Trace } from '../../../base/trace';
import { COPY_WRITE_SIDE } from '../../../emulator/bus/device-port';
import { BusPort } from '../../../emulator/bus/port';
import { SystemBus } from '../../../emulator/bus/system-bus';
import { Ram } from '../../../emulator/memory/ram';

/** Whole blocks of pages, as the quick way of copying wants them. */
const PAGES = 1024;
const FIRST = 0x8000_0000 / PAGE_SIZE;
const MULTIPLIER = 389;

interface Board {
  readonly bus: SystemBus;
  readonly port: BusPort;
  readonly translated: number[];
}

/** A board whose device sees the pages in another order; `refused` is a device page that leads nowhere. */
const board = (refused = -1): Board => {
  const bus = new SystemBus(new Ram([{ base: physAddr(FIRST * PAGE_SIZE), size: PAGES * PAGE_SIZE }]));
  const translated: number[] = [];
  const translator = {
    walkReads: 0,
    translate: (_: number, page: number): number => {
      translated.push(page);
      return page === refused ? BUS_ACCESS_FAULT : FIRST + frameOf(page);
    },
    wouldTranslate: () => BUS_ACCESS_FAULT,
  };
  return { bus, port: new BusPort({ bus, trace: new Trace(() => 0), requesterId: 1, translator }), translated };
};

const frameOf = (page: number): number => (page * MULTIPLIER + 7) % PAGES;
const placeOf = (position: number): number =>
  frameOf(Math.floor(position / PAGE_SIZE)) * PAGE_SIZE + (position % PAGE_SIZE);

describe('copies over many pages', () => {
  it('are what reading all and then writing all would be, whatever the offsets', () => {
    const copy = fc.record({ from: fc.nat(60 * PAGE_SIZE), to: fc.nat(60 * PAGE_SIZE), length: fc.nat(9 * PAGE_SIZE) });
    fc.assert(
      fc.property(fc.array(copy, { minLength: 1, maxLength: 4 }), (copies) => {
        const { bus, port } = board();
        const model = new Uint8Array(70 * PAGE_SIZE);
        for (let page = 0; page < 70; page++) {
          const bytes = Uint8Array.from({ length: PAGE_SIZE }, (_, i) => page * 37 + i * 11);
          bus.write((FIRST + frameOf(page)) * PAGE_SIZE, bytes, 0, PAGE_SIZE);
          model.set(bytes, page * PAGE_SIZE);
        }
        for (const { from, to, length } of copies) {
          const [fromPage, toPage] = [Math.floor(from / PAGE_SIZE), Math.floor(to / PAGE_SIZE)];
          expect(port.copy(fromPage, from % PAGE_SIZE, toPage, to % PAGE_SIZE, length)).to.equal(BUS_OK);
          model.copyWithin(to, from, from + length);
        }
        const found = new Uint8Array(PAGE_SIZE);
        for (let page = 0; page < 70; page++) {
          bus.read(FIRST * PAGE_SIZE + placeOf(page * PAGE_SIZE), found, 0, PAGE_SIZE);
          const expected = model.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
          expect(Buffer.compare(found, expected), `page ${page}`).to.equal(0);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('ask for no address behind a target that leads nowhere', () => {
    const { port, translated } = board(102);
    expect(port.copy(0, 0, 100, 0, 6 * PAGE_SIZE)).to.equal(BUS_ACCESS_FAULT + COPY_WRITE_SIDE);
    expect(translated).to.deep.equal([0, 100, 1, 101, 2, 102]);
  });

  it('ask for no address behind a source that leads nowhere', () => {
    const { port, translated } = board(2);
    expect(port.copy(0, 0, 100, 0, 6 * PAGE_SIZE)).to.equal(BUS_ACCESS_FAULT);
    expect(translated).to.deep.equal([0, 100, 1, 101, 2]);
  });
});
