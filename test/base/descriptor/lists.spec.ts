import { expect } from 'chai';
import {
  dump,
  givenBy,
  walk,
  walkCompletions,
  wordsOfBytes,
  type AnyDescriptor,
  type Finding,
  type Walk,
  type WalkStart,
} from '../../../base/descriptor';
import { BytesMemory } from '../../../base/layout';
import { nvmeCqe, nvmeIo, nvmeIoSqe } from '../../../devices/formats/nvme';
import { nvmePrp, nvmeSglDesc } from '../../../devices/formats/nvme-sgl';
import { pvirtqDesc, virtioPacked } from '../../../devices/formats/virtio-packed';
import { virtioSplit, virtqDesc } from '../../../devices/formats/virtio-split';
import { axiDmaMm2sDesc, xilinxAxiDmaMm2s } from '../../../devices/formats/xilinx-axi-dma';
import { manyBuffers } from './formats';

const BASE = 0x10_0000n;
const DATA = 0x80_0000n;

/** Memory in which a test stores values of descriptors. */
class Memory {
  readonly bytes = new Uint8Array(0x4000);
  readonly reader = wordsOfBytes(this.bytes, BASE);
  private readonly memory = new BytesMemory(this.bytes);

  put(descriptor: AnyDescriptor, offset: number, fields: Readonly<Record<string, unknown>>): void {
    const lanes = new Int32Array(descriptor.lanes);
    Object.assign(descriptor.anyCursor(lanes), fields);
    descriptor.save(this.memory, offset, lanes);
  }

  nvme(start: Partial<WalkStart> = {}): Walk {
    return walk(nvmeIo, this.reader, { at: BASE, entries: 1, ...start });
  }
}

const brief = (findings: readonly Finding[]): string[] =>
  findings.map(
    ({ kind, where, field, message }) => `${kind} ${where}${field === undefined ? '' : `.${field}`}: ${message}`,
  );

const pieces = ({ entries }: Walk): string[] =>
  entries.flatMap((entry) => entry.pieces.map((one) => `${entry.where} ${one.address.toString(16)}+${one.length}`));

/** A read of blocks of 512 bytes. */
const read = (blocks: number, prp1: bigint, prp2: bigint) => ({
  OPC: 2,
  CID: 7,
  DPTR_prp_PRP1: prp1,
  DPTR_prp_PRP2: prp2,
  cmd_read_NLB: blocks - 1,
});

describe('descriptors: lists of pages', () => {
  it('one page, two pages and the page after them, from an offset', () => {
    const memory = new Memory();
    memory.put(nvmeIoSqe, 0, read(8, DATA, 0xdead_0000n));
    expect(pieces(memory.nvme())).to.deep.equal(['entry 0 800000+4096']);
    memory.put(nvmeIoSqe, 0, read(8, DATA + 0xe00n, DATA + 0x2000n));
    const two = memory.nvme();
    expect(pieces(two)).to.deep.equal(['entry 0 800e00+512', 'entry 0 802000+3584']);
    expect(two.requests).to.deep.equal([{ id: 7, where: 'entry 0', entries: 1, readable: 0, writable: 4096 }]);
    memory.put(nvmeIoSqe, 0, read(9, DATA, DATA + 0x2200n));
    expect(brief(memory.nvme().findings)).to.deep.equal([
      'misaligned entry 0.DPTR.prp.PRP2: DPTR.prp.PRP2 is 0x802200, which is not where a page of 4096 begins',
    ]);
    memory.put(nvmeIoSqe, 0, read(17, DATA, BASE + 0x1ff0n));
    memory.put(nvmePrp, 0x1ff0, { PRP: DATA + 0x4000n });
    memory.put(nvmePrp, 0x1ff8, { PRP: DATA + 0x6000n });
    const three = memory.nvme();
    expect(three.findings).to.deep.equal([]);
    expect(pieces(three)).to.deep.equal([
      'entry 0 800000+4096',
      'entry 0, page 1 804000+4096',
      'entry 0, page 2 806000+512',
    ]);
  });

  it('the last slot of a list is a page if that is all, and leads to the next list if not', () => {
    const memory = new Memory();
    memory.put(nvmeIoSqe, 0, read(32, DATA, BASE + 0x1ff0n));
    memory.put(nvmePrp, 0x1ff0, { PRP: DATA + 0x4000n });
    memory.put(nvmePrp, 0x1ff8, { PRP: BASE + 0x2008n });
    memory.put(nvmePrp, 0x2008, { PRP: DATA + 0x6000n });
    memory.put(nvmePrp, 0x2010, { PRP: DATA + 0x8000n });
    const walked = memory.nvme();
    expect(walked.findings).to.deep.equal([]);
    expect(walked.entries).to.have.length(5);
    expect(pieces(walked).map((one) => one.split(' ').at(-1))).to.deep.equal([
      '800000+4096',
      '804000+4096',
      '806000+4096',
      '808000+4096',
    ]);
    memory.put(nvmePrp, 0x1ff8, { PRP: BASE + 0x1ff0n });
    expect(brief(memory.nvme().findings)).to.deep.equal([
      'loop entry 0.DPTR.prp.PRP2: its list of pages leads back to 0x101ff0',
    ]);
    memory.put(nvmePrp, 0x1ff8, { PRP: 0x99_0000n });
    expect(brief(memory.nvme().findings)).to.deep.equal([
      'unmapped entry 0, page 2: it cannot be read at 0x990000: no such address',
    ]);
  });

  it('go by the parameters and the most of the queue', () => {
    const memory = new Memory();
    memory.put(nvmeIoSqe, 0, read(2, DATA + 0x1000n, 0n));
    const parameters = { block: 4096, page: 8192 };
    expect(brief(memory.nvme({ parameters, most: 4096 }).findings)).to.deep.equal([
      'too-long entry 0.cmd.read.NLB: it moves 8192 bytes, and 4096 is the most of this queue',
    ]);
    expect(pieces(memory.nvme({ parameters }))).to.deep.equal(['entry 0 801000+4096', 'entry 0 0+4096']);
    expect(pieces(memory.nvme({ parameters: { block: -1, page: NaN } }))).to.deep.equal(['entry 0 801000+1024']);
  });
});

describe('descriptors: segments', () => {
  const TYPES = { data: 0, bucket: 1, segment: 2, last: 3 };
  const sgl = (type: keyof typeof TYPES, addr: bigint, length: number, path = '') => {
    const shape = { data: 'data_block', bucket: 'bit_bucket', segment: 'segment', last: 'last_segment' }[type];
    return {
      [`${path}TYPE`]: TYPES[type],
      [`${path}body_${shape}_length`]: length,
      ...(type === 'bucket' ? {} : { [`${path}body_${shape}_addr`]: addr }),
    };
  };
  const command = (type: keyof typeof TYPES, addr: bigint, length: number) => ({
    OPC: 2,
    PSDT: 1,
    cmd_read_NLB: 3,
    ...sgl(type, addr, length, 'DPTR_sgl_SGL1_'),
  });

  it('in the entry, in a last list, and in lists that follow each other; buckets count', () => {
    const memory = new Memory();
    memory.put(nvmeIoSqe, 0, command('data', DATA, 2048));
    expect(pieces(memory.nvme())).to.deep.equal(['entry 0 800000+2048']);
    memory.put(nvmeIoSqe, 0, command('segment', BASE + 0x100n, 32));
    memory.put(nvmeSglDesc, 0x100, sgl('data', DATA + 1n, 48));
    memory.put(nvmeSglDesc, 0x110, sgl('last', BASE + 0x200n, 32));
    memory.put(nvmeSglDesc, 0x200, sgl('bucket', 0n, 1000));
    memory.put(nvmeSglDesc, 0x210, sgl('data', DATA + 0x1000n, 1000));
    const walked = memory.nvme();
    expect(walked.findings).to.deep.equal([]);
    expect(pieces(walked)).to.deep.equal(['entry 0, segment 0 800001+48', 'entry 0, segment 3 801000+1000']);
    expect(dump('q', walked).join('\n')).to.include('body.last_segment.addr');
    memory.put(nvmeSglDesc, 0x210, sgl('data', DATA + 0x1000n, 999));
    expect(brief(memory.nvme().findings)).to.deep.equal([
      'too-short entry 0.cmd.read.NLB: it moves 2048 bytes, and its segments have 2047',
    ]);
  });

  it('tell lists that are none, that lead on in their middle or after the last, that do not end, and that loop', () => {
    const memory = new Memory();
    const found = (type: 'segment' | 'last', at: bigint, length: number): string[] => {
      memory.put(nvmeIoSqe, 0, command(type, at, length));
      return brief(memory.nvme().findings).map((one) => one.replace(/DPTR.sgl.SGL1.body.\w+/, 'SGL1'));
    };
    memory.put(nvmeSglDesc, 0x100, sgl('segment', BASE + 0x100n, 16));
    memory.put(nvmeSglDesc, 0x110, sgl('data', DATA, 2048));
    expect(found('last', BASE + 0x110n, 24)).to.deep.equal([
      'indirect entry 0.SGL1.addr: its list at 0x100110 has 24 bytes, no whole number of elements of 16',
    ]);
    expect(found('last', BASE + 0x114n, 16)).to.deep.equal([
      'misaligned entry 0.SGL1.addr: DPTR.sgl.SGL1.body.last_segment.addr is 0x100114, no multiple of 8',
    ]);
    expect(found('last', BASE + 0x100n, 32)).to.deep.equal([
      'indirect entry 0, segment 0.body.segment.addr: it is in the last list, and leads to another one',
    ]);
    expect(found('segment', BASE + 0x100n, 32)).to.deep.equal([
      'indirect entry 0, segment 0.body.segment.addr: it leads to a list, and is not the last of its own',
    ]);
    expect(found('segment', BASE + 0x110n, 16)).to.deep.equal([
      'unterminated entry 0.SGL1.addr: its list of 1 elements does not end with one that leads on, and it is not the last',
    ]);
    expect(found('segment', BASE + 0x100n, 16)).to.deep.equal([
      'loop entry 0, segment 0.body.segment.addr: it leads back to the list at 0x100100',
    ]);
  });
});

describe('descriptors: order, arrays, entries that are done', () => {
  it('what is written comes after what is read', () => {
    const memory = new Memory();
    memory.put(virtqDesc, 0, { addr: DATA, len: 4, WRITE: true, NEXT: true, next: 1 });
    memory.put(virtqDesc, 16, { addr: DATA + 8n, len: 4 });
    memory.bytes.set([0, 0, 1, 0, 0, 0], 64);
    const walked = walk(virtioSplit, memory.reader, { at: BASE, entries: 2, heads: BASE + 64n });
    expect(brief(walked.findings)).to.deep.equal([
      'order entry 1.WRITE: the device is to read it, and to write entry 0 before it',
    ]);
    expect(walked.requests).to.deep.equal([{ id: 0, where: 'entry 0', entries: 2, readable: 4, writable: 4 }]);
  });

  it('each buffer of an array has its own length, and is checked', () => {
    const memory = new Memory();
    memory.put(manyBuffers.entry, 0, { OWN: true });
    const view = new DataView(memory.bytes.buffer);
    [DATA, DATA + 3n, 0n].forEach((at, i) => {
      view.setBigUint64(8 + 16 * i, at, true);
      view.setUint32(16 + 16 * i, 4 * (2 - i), true);
    });
    const walked = walk(manyBuffers, memory.reader, { at: BASE, entries: 1, moves: 'to-memory' });
    expect(pieces(walked)).to.deep.equal(['entry 0 800000+8', 'entry 0 800003+4']);
    expect(brief(walked.findings)).to.deep.equal([
      'misaligned entry 0.bufs[1].addr: bufs[1].addr is 0x800003, no multiple of 2',
      'overlap entry 0.bufs[1].addr: what bufs[1].addr gives to be written overlaps what bufs[0].addr gives to be written in entry 0',
    ]);
  });

  it('a done entry is over before those that are not, and stale after them; without a tail it is neither', () => {
    const memory = new Memory();
    const put = (index: number, fields: object): void =>
      memory.put(axiDmaMm2sDesc, 64 * index, {
        NEXT: BASE + BigInt(64 * ((index + 1) % 3)),
        BUFFER: DATA,
        LENGTH: 9,
        ...fields,
      });
    put(0, { TXSOF: true, CMPLT: true, TRANSFERRED: 10 });
    put(1, {});
    put(2, { TXEOF: true, CMPLT: true });
    const ring = walk(xilinxAxiDmaMm2s, memory.reader, { at: BASE, tail: BASE + 128n });
    expect(ring.entries.map(({ owned }) => owned)).to.deep.equal([false, true, true]);
    expect(brief(ring.findings)).to.deep.equal([
      'overrun entry 0.TRANSFERRED: 10 bytes moved, and it has 9',
      'stale entry 2.CMPLT: it is given away marked as done: entry 1 before it is not',
    ]);
    const cyclic = walk(xilinxAxiDmaMm2s, memory.reader, { at: BASE });
    expect(cyclic.entries.map(({ owned }) => owned)).to.deep.equal([true, true, true]);
    expect(cyclic.findings.map(({ kind }) => kind)).to.deep.equal(['overrun']);
  });

  it('tables of neighbours have no marks but that of the direction', () => {
    const memory = new Memory();
    memory.put(pvirtqDesc, 0, { addr: BASE + 256n, len: 32, INDIRECT: true, AVAIL: true });
    memory.put(pvirtqDesc, 256, { addr: DATA, len: 4, NEXT: true });
    memory.put(pvirtqDesc, 272, { addr: DATA, len: 4, WRITE: true });
    const look = () => brief(walk(virtioPacked, memory.reader, { at: BASE, entries: 1 }).findings);
    expect(look()).to.deep.equal(['indirect entry 0, table entry 0.NEXT: it is in a table, where NEXT has no meaning']);
    memory.put(pvirtqDesc, 0, { addr: BASE + 256n, len: 32, INDIRECT: true, AVAIL: true, NEXT: true });
    expect(look()[0]).to.equal('indirect entry 0.INDIRECT: it leads to a table, and to another entry as well');
  });
});

describe('descriptors: the ends of requests', () => {
  it('are looked at until the phase is that of the lap before, across the end of the queue', () => {
    const memory = new Memory();
    memory.put(nvmeIoSqe, 0, read(1, DATA, 0n));
    const given = givenBy(memory.nvme());
    const put = (index: number, CID: number, P: boolean): void =>
      memory.put(nvmeCqe, 0x1000 + 16 * index, { CID, P, SQHD: 1 });
    put(2, 7, true);
    put(0, 7, false);
    put(1, 9, true);
    const start = { at: BASE + 0x1000n, entries: 3, from: 2, phase: 1, requests: 1 } as const;
    expect(brief(walkCompletions(nvmeIo, memory.reader, start, { given }).findings)).to.deep.equal([
      'index completion 2.SQHD: SQHD is 1, and the queue has 1 entries',
      'index completion 0.SQHD: SQHD is 1, and the queue has 1 entries',
      'completed-twice completion 0.CID: it ends request 7, which completion 2 has ended',
    ]);
  });

  it('go on past all entries of a request where they are told in the ring', () => {
    const memory = new Memory();
    const put = (index: number, fields: object): void => memory.put(pvirtqDesc, 16 * index, { addr: DATA, ...fields });
    put(0, { len: 8, AVAIL: true, NEXT: true });
    put(1, { len: 8, AVAIL: true, WRITE: true, id: 5 });
    put(2, { len: 8, AVAIL: true, WRITE: true, id: 6 });
    const walked = walk(virtioPacked, memory.reader, { at: BASE, entries: 3 });
    expect(walked.requests.map(({ id, entries, writable }) => [id, entries, writable])).to.deep.equal([
      [5, 2, 8],
      [6, 1, 8],
    ]);
    put(0, { len: 9, AVAIL: true, USED: true, WRITE: true, id: 5 });
    put(2, { len: 9, AVAIL: true, USED: true, id: 4 });
    const ends = walkCompletions(virtioPacked, memory.reader, { at: BASE, entries: 3 }, { given: givenBy(walked) });
    expect(brief(ends.findings)).to.deep.equal([
      'overrun completion 0.len: 9 bytes were written for request 5, and it has room for 8',
      'not-given completion 2.id: it ends request 4, and none of that name is on its way',
    ]);
  });

  it('end, whatever the memory holds', () => {
    const memory = new Memory();
    memory.bytes.fill(0xff);
    for (const format of [nvmeIo, virtioPacked, virtioSplit]) {
      for (const entries of [0, 1, 3, 2 ** 53, NaN, -1]) {
        for (const from of [0, 2 ** 53 - 1, NaN]) {
          const start = { at: BASE + 2n, entries, from, phase: 1, requests: 1 } as const;
          const { findings } = walkCompletions(format, memory.reader, start, { limit: 64, given: () => undefined });
          expect(findings.length).to.be.below(64 * 20);
        }
      }
    }
  });
});
