import { expect } from 'chai';
import type { TraceEvent } from '../../../base/trace-events';
import {
  type CommandWords,
  IommuBoard,
  iodirInvalDdt,
  iofence,
  iotinvalVma,
  makeBoard,
  ppn,
  REG,
  RWX,
} from '../../support/iommu-builder';

const IOVA = 0x12_3456_7000n;
const DATA = 0x8080_0000;
const CQMF = 0x100;
const CMD_ILL = 0x400;
const FENCE_W_IP = 0x800;
const ON = 0x1_0000;
const BUSY = 0x2_0000;
const FQOF = 0x200;

describe('emulator/iommu/queues', () => {
  describe('command queue', () => {
    it('is busy while it is switched, then on or off', () => {
      const board = new IommuBoard({ timing: { busy: 300 } });
      board.write32(REG.cqcsr, 1);
      expect(board.read32(REG.cqcsr)).to.equal(1 | BUSY);
      board.write32(REG.cqcsr, 0);
      board.elapse(299);
      expect(board.read32(REG.cqcsr), 'a write while busy is ignored').to.equal(1 | BUSY);
      board.elapse(1);
      expect(board.read32(REG.cqcsr)).to.equal(1 | ON);
      board.write32(REG.cqcsr, 0);
      expect(board.read32(REG.cqcsr)).to.equal(ON | BUSY);
      board.elapse(300);
      expect(board.read32(REG.cqcsr)).to.equal(0);
    });

    it('switches at once with a busy time of 0', () => {
      const board = new IommuBoard({ timing: { busy: 0 } });
      board.write32(REG.cqcsr, 1);
      expect(board.read32(REG.cqcsr)).to.equal(1 | ON);
      board.write32(REG.fqcsr, 1);
      expect(board.read32(REG.fqcsr)).to.equal(1 | ON);
      board.write32(REG.fqcsr, 0);
      expect(board.read32(REG.fqcsr)).to.equal(0);
    });

    it('keeps its base while it is on, and starts from 0 with a new one', () => {
      const { board } = makeBoard();
      const base = board.read64(REG.cqb);
      board.submit(iofence(), iofence());
      board.write64(REG.cqb, ppn(0x8_0000));
      expect(board.read64(REG.cqb)).to.equal(base);
      board.write32(REG.cqcsr, 0);
      board.elapse(1000);
      board.write64(REG.cqb, base);
      expect(board.read32(REG.cqt)).to.equal(0);
      expect(board.read32(REG.cqh)).to.equal(2);
      board.write32(REG.cqcsr, 1);
      expect(board.read32(REG.cqh)).to.equal(0);
    });

    it('implements as many bits of its tail as it has entries', () => {
      const board = new IommuBoard();
      board.write64(REG.cqb, 3n);
      board.write32(REG.cqt, 0xffff_ffff);
      expect(board.read32(REG.cqt)).to.equal(15);
      board.write64(REG.cqb, 31n);
      board.write32(REG.cqt, 0xffff_fffe);
      expect(board.read32(REG.cqt)).to.equal(0xffff_fffe);
    });

    it('takes simulated time for its commands', () => {
      const { board } = makeBoard({ timing: { command: 50, fence: 100 } });
      board.queue(iotinvalVma(), iodirInvalDdt(), iofence(), iotinvalVma());
      expect(board.read32(REG.cqh)).to.equal(0);
      board.elapse(199);
      expect(board.read32(REG.cqh)).to.equal(0);
      board.elapse(1);
      expect(board.read32(REG.cqh)).to.equal(3);
      board.elapse(49);
      expect(board.read32(REG.cqh)).to.equal(3);
      board.elapse(1);
      expect(board.read32(REG.cqh)).to.equal(4);
    });

    it('executes a bounded number of commands at a time', () => {
      const { board } = makeBoard({ commandsPerBatch: 4, timing: { command: 10 } });
      board.queue(...Array.from({ length: 10 }, () => iotinvalVma()));
      for (const [time, head] of [
        [40, 4],
        [80, 8],
        [100, 10],
      ] as const) {
        board.clock.runUntil(board.clock.now + (time === 100 ? 20 : 40));
        expect(board.read32(REG.cqh), `${time}`).to.equal(head);
      }
    });

    it('goes round its ring, at every size of a batch', () => {
      const { board } = makeBoard();
      const flag = board.allocate();
      for (let round = 1; round < 200; round++) {
        const commands: CommandWords[] = Array.from({ length: round % 30 }, () => iotinvalVma());
        board.submit(...commands, iofence({ address: flag, data: round }));
        expect(board.load(flag)).to.equal(BigInt(round));
        expect(board.read32(REG.cqh)).to.equal(board.read32(REG.cqt));
      }
    });

    it('does not work while it is off, and forgets what was not begun when it goes off', () => {
      const { board } = makeBoard();
      board.queue(iofence());
      board.write32(REG.cqcsr, 0);
      board.elapse(10_000);
      expect(board.read32(REG.cqh)).to.equal(0);
    });

    it('writes 32 bits for IOFENCE.C with AV, and no byte more', () => {
      const { board } = makeBoard();
      const flag = board.allocate();
      board.store(flag, 0x1111_1111_2222_2222n);
      board.store(flag + 8, 0x3333_3333_4444_4444n);
      board.submit(iofence({ address: flag + 4, data: 0xdead_beef }));
      expect(board.load(flag)).to.equal(0xdead_beef_2222_2222n);
      expect(board.load(flag + 8)).to.equal(0x3333_3333_4444_4444n);
      board.submit(iofence({ address: 0x1_0000_0008, data: 7 }));
      expect(board.load(0x1_0000_0008)).to.equal(7n);
    });

    it('signals a completed fence by wire', () => {
      const { board } = makeBoard();
      board.submit(iofence({ wsi: true }), iofence());
      expect(board.read32(REG.cqcsr) & 0xfff).to.equal(FENCE_W_IP | 3);
      expect(board.read32(REG.cqh)).to.equal(2);
      expect(board.read32(REG.ipsr)).to.equal(1);
      expect(board.wires).to.deep.equal([true, false, false, false]);
      board.write32(REG.ipsr, 1);
      expect(board.read32(REG.ipsr), 'its condition still holds').to.equal(1);
      board.write32(REG.cqcsr, FENCE_W_IP | 3);
      board.write32(REG.ipsr, 1);
      expect(board.read32(REG.ipsr)).to.equal(0);
      expect(board.wires).to.deep.equal([false, false, false, false]);
    });

    const illegal: [string, CommandWords][] = [
      ['opcode 0', [0n, 0n]],
      ['opcode 5', [5n, 0n]],
      ['a custom opcode', [64n, 0n]],
      ['opcode 127', [127n, 0n]],
      ['IOTINVAL.GVMA without a second stage', [1n | (1n << 7n), 0n]],
      ['IOTINVAL func3 2', [1n | (2n << 7n), 0n]],
      ['IOFENCE func3 1', [2n | (1n << 7n), 0n]],
      ['IODIR.INVAL_PDT without process directories', [3n | (1n << 7n) | (1n << 33n), 0n]],
      ['IODIR func3 7', [3n | (7n << 7n), 0n]],
      ['ATS.INVAL', [4n, 0n]],
      ...[11, 35, 43, 60, 63].map((bit): [string, CommandWords] => [
        `IOTINVAL bit ${bit}`,
        [1n | (1n << BigInt(bit)), 0n],
      ]),
      ...[0, 8, 62, 63].map((bit): [string, CommandWords] => [`IOTINVAL bit ${64 + bit}`, [1n, 1n << BigInt(bit)]]),
      ['IOTINVAL with NL', iotinvalVma({ nl: true })],
      ['IOTINVAL with S', iotinvalVma({ address: 0n, s: true })],
      ...[14, 31].map((bit): [string, CommandWords] => [`IOFENCE bit ${bit}`, [2n | (1n << BigInt(bit)), 0n]]),
      ...[62, 63].map((bit): [string, CommandWords] => [`IOFENCE bit ${64 + bit}`, [2n, 1n << BigInt(bit)]]),
      ...[10, 11, 12, 31, 32, 34, 39].map((bit): [string, CommandWords] => [
        `IODIR bit ${bit}`,
        [3n | (1n << BigInt(bit)), 0n],
      ]),
      ...[0, 63].map((bit): [string, CommandWords] => [`IODIR bit ${64 + bit}`, [3n, 1n << BigInt(bit)]]),
      ['IODIR of a device_id that the mode does not support', iodirInvalDdt(128)],
    ];
    for (const [what, words] of illegal) {
      it(`stops at ${what}`, () => {
        const { board } = makeBoard();
        board.submit(iotinvalVma(), words, iofence());
        expect(board.read32(REG.cqcsr)).to.equal(3 | CMD_ILL | ON);
        expect(board.read32(REG.cqh)).to.equal(1);
        expect(board.wires[0]).to.equal(true);
        board.store(board.cq + 16, 1n);
        board.store(board.cq + 24, 0n);
        board.write32(REG.cqcsr, 3 | CMD_ILL);
        board.elapse(1000);
        expect(board.read32(REG.cqh), 'clearing cmd_ill goes on').to.equal(3);
        expect(board.read32(REG.cqcsr)).to.equal(3 | ON);
      });
    }

    it('accepts what is legal: custom use of ignored operands, GV, widest operands', () => {
      const { board } = makeBoard({ capabilities: { rangeInvalidation: true, nonLeafInvalidation: true } });
      board.submit(
        iotinvalVma({ gscid: 0xffff, pscid: 0xf_ffff, address: 0xffff_ffff_ffff_f000n }),
        iotinvalVma({ nl: true, s: true, address: 0x1000n }),
        [1n | (0xf_ffffn << 12n) | (0xffffn << 44n), ((1n << 52n) - 1n) << 10n],
        [3n | (0xff_ffffn << 40n), 0n],
        iodirInvalDdt(127),
        [2n | (0xffff_ffffn << 32n), (1n << 62n) - 1n],
      );
      expect(board.read32(REG.cqcsr)).to.equal(3 | ON);
      expect(board.read32(REG.cqh)).to.equal(6);
    });

    it('stalls where a command cannot be fetched, with cqh at it', () => {
      for (const mark of ['faulting', 'poisoned'] as const) {
        const { board } = makeBoard();
        board.queue(iotinvalVma(), iotinvalVma(), iofence());
        board.bus.mark(board.cq + 24, 4, mark);
        board.elapse(1000);
        expect(board.read32(REG.cqcsr)).to.equal(3 | CQMF | ON);
        expect(board.read32(REG.cqh)).to.equal(1);
        expect(board.read32(REG.ipsr)).to.equal(1);
        board.bus.unmark(board.cq + 24, 4);
        board.write32(REG.cqcsr, 3 | CQMF);
        board.elapse(1000);
        expect(board.read32(REG.cqh)).to.equal(3);
      }
    });

    it('stalls where a fence cannot write, with cqh at the fence', () => {
      for (const address of [0x1000, 2 ** 52 - 4, 2 ** 52 + 2 ** 40]) {
        const { board } = makeBoard({ capabilities: { physicalAddressBits: 52 } });
        board.submit(iofence(), iofence({ address, data: 1 }));
        expect(board.read32(REG.cqcsr)).to.equal(3 | CQMF | ON);
        expect(board.read32(REG.cqh)).to.equal(1);
      }
    });

    it('starts over when it is enabled again', () => {
      const { board } = makeBoard();
      board.submit([0n, 0n]);
      board.write32(REG.cqcsr, 2);
      board.elapse(1000);
      board.write32(REG.cqt, 0);
      board.write32(REG.cqcsr, 3);
      board.elapse(1000);
      expect(board.read32(REG.cqcsr)).to.equal(3 | ON);
      expect(board.read32(REG.cqh)).to.equal(0);
    });

    it('tells its commands on the trace', () => {
      const { board } = makeBoard();
      const events: TraceEvent[] = [];
      board.trace.subscribe(({ event }) => events.push(event));
      const command = iotinvalVma({ pscid: 3, address: 0xabc000n });
      board.submit(command, iofence());
      expect(events).to.deep.equal([
        { type: 'iommu-command', opcode: 1, func3: 0, word0: command[0], word1: command[1] },
        { type: 'iommu-command', opcode: 2, func3: 0, word0: iofence()[0], word1: 0n },
      ]);
    });
  });

  describe('fault queue', () => {
    it('raises its interrupt at once, on the wire that icvec says', () => {
      const { board } = makeBoard();
      board.translate(1, IOVA);
      expect(board.read32(REG.fqt)).to.equal(1);
      expect(board.read32(REG.ipsr)).to.equal(2);
      expect(board.wires).to.deep.equal([false, true, false, false]);
      board.write64(REG.icvec, 0x30n);
      expect(board.wires).to.deep.equal([false, false, false, true]);
      board.write32(REG.ipsr, 2);
      expect(board.wires).to.deep.equal([false, false, false, false]);
      expect(board.read32(REG.ipsr), 'a record is an event, not a level').to.equal(0);
    });

    it('raises nothing without fie, also later', () => {
      const { board } = makeBoard();
      board.write32(REG.fqcsr, 1);
      board.translate(1, IOVA);
      expect(board.read32(REG.ipsr)).to.equal(0);
      board.write32(REG.fqcsr, 3);
      expect(board.read32(REG.ipsr)).to.equal(0);
    });

    it('overflows when it is full, loses records until that is cleared, and keeps the old ones', () => {
      const board = new IommuBoard();
      board.enableQueues(5, 2);
      board.write32(REG.fqcsr, 1);
      for (let i = 0; i < 3; i++) board.translate(i, IOVA + BigInt(i));
      expect(board.read32(REG.fqcsr)).to.equal(1 | ON);
      expect(board.read32(REG.fqt)).to.equal(3);
      board.translate(3, IOVA);
      expect(board.read32(REG.fqcsr)).to.equal(1 | ON | FQOF);
      expect(board.read32(REG.ipsr)).to.equal(0);
      board.write32(REG.fqcsr, 3);
      expect(board.read32(REG.ipsr), 'the condition holds').to.equal(2);
      expect(board.takeFaults().map(({ did }) => did)).to.deep.equal([0, 1, 2]);
      board.translate(4, IOVA);
      expect(board.takeFaults(), 'still lost').to.deep.equal([]);
      board.write32(REG.fqcsr, 3 | FQOF);
      board.write32(REG.ipsr, 2);
      expect(board.read32(REG.ipsr)).to.equal(0);
      for (const did of [5, 6, 7]) board.translate(did, IOVA);
      expect(board.takeFaults().map(({ did }) => did)).to.deep.equal([5, 6, 7]);
      expect(board.read32(REG.fqt)).to.equal(2);
    });

    it('stops at memory that it cannot write', () => {
      for (const word of [0, 8, 16, 24]) {
        const { board } = makeBoard();
        board.bus.mark(board.fq + 32 + word, 8, 'faulting');
        board.translate(1, IOVA);
        board.translate(1, IOVA);
        expect(board.read32(REG.fqcsr)).to.equal(3 | ON | 0x100);
        expect(board.read32(REG.fqt)).to.equal(1);
        board.bus.unmark(board.fq + 32 + word, 8);
        board.translate(1, IOVA);
        expect(board.read32(REG.fqt)).to.equal(1);
        board.write32(REG.fqcsr, 3 | 0x100);
        board.translate(1, IOVA);
        expect(board.read32(REG.fqt)).to.equal(2);
      }
    });

    it('records nothing while it is off', () => {
      const { board } = makeBoard();
      board.write32(REG.fqcsr, 0);
      board.translate(1, IOVA);
      board.elapse(1000);
      board.translate(1, IOVA);
      expect(board.read32(REG.fqt)).to.equal(0);
      board.write32(REG.fqcsr, 3);
      board.translate(1, IOVA);
      expect(board.read32(REG.fqt), 'not on yet').to.equal(0);
      board.elapse(1000);
      board.translate(1, IOVA);
      expect(board.read32(REG.fqt)).to.equal(1);
    });

    it('counts the reads of tables that translations wait for, of the directory too', () => {
      const { board, table } = makeBoard();
      table.map(IOVA, DATA, RWX);
      const { iommu } = board;
      const readsFor = (access: () => void): number => {
        const before = iommu.walkReads;
        access();
        return iommu.walkReads - before;
      };
      const first = readsFor(() => board.translate(1, IOVA));
      expect(first).to.be.greaterThan(3);
      expect(readsFor(() => board.translate(1, IOVA + 5n))).to.equal(0);
      // A fault at the top of the table is one read.
      expect(readsFor(() => board.translate(1, IOVA + (1n << 36n)))).to.equal(1);
    });

    it('tells faults and walks on the trace', () => {
      const { board, table } = makeBoard();
      table.map(IOVA, DATA, RWX);
      const events: TraceEvent[] = [];
      board.trace.subscribe(({ event }) => events.push(event));
      board.translate(1, IOVA + 5n);
      board.translate(1, IOVA + 6n);
      board.translate(1, 0xffff_ffff_ffff_ffffn, 1);
      expect(events).to.deep.equal([
        { type: 'translate', requester: 1, iova: IOVA + 5n, page: DATA / 4096, levels: 3 },
        { type: 'iommu-fault', requester: 1, cause: 15, ttyp: 3, iotval: 0xffff_ffff_ffff_ffffn, recorded: true },
      ]);
    });
  });
});
