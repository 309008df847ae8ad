import { expect } from 'chai';
import { physAddr } from '../../../../base/address';
import { planDefaultPool, type DefaultPool } from '../../../../kernel-api/dma/swiotlb/default-pool';
import { parseSwiotlbParameter } from '../../../../kernel-api/dma/swiotlb/parameter';
import type { Memblock } from '../../../../kernel-api/mm/memblock';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const PLAIN = { cacheAlignment: 1, isGuest: false };

const memory = (...banks: [base: number, size: number][]): Memblock => ({
  memory: banks.map(([base, size]) => ({ base: physAddr(base), size })),
  reserved: [],
});
const BOARD = memory([0x8000_0000, 64 * MIB], [4 * GIB, 64 * MIB]);
const LOW = memory([0x8000_0000, 128 * MIB]);

const plan = (value: string | undefined, memblock = BOARD, needs = PLAIN): DefaultPool =>
  planDefaultPool(memblock, parseSwiotlbParameter(value), needs);

describe('kernel-api/dma/swiotlb: the boot parameter', () => {
  it('is read as Linux reads it', () => {
    const cases: [string | undefined, number | undefined, number | undefined, boolean, boolean][] = [
      [undefined, undefined, undefined, false, false],
      ['', undefined, undefined, false, false],
      ['force', undefined, undefined, true, false],
      ['noforce', undefined, undefined, false, true],
      ['2048', 2048, undefined, false, false],
      ['1', 128, undefined, false, false],
      ['129', 256, undefined, false, false],
      ['0', 0, undefined, false, false],
      ['0x800', 2048, undefined, false, false],
      ['0200', 128, undefined, false, false],
      ['2048,force', 2048, undefined, true, false],
      ['2048,4', 2048, 4, false, false],
      ['2048,4,noforce', 2048, 4, false, true],
      [',4,force', undefined, 4, true, false],
      [',force', undefined, undefined, true, false],
      ['2048,,force', 2048, undefined, true, false],
      ['force,2048', undefined, undefined, false, false],
      ['2048 force', 2048, undefined, false, false],
      ['FORCE', undefined, undefined, false, false],
      ['-5', undefined, undefined, false, false],
    ];
    for (const [value, nslabs, nareas, force, noforce] of cases) {
      expect(parseSwiotlbParameter(value), String(value)).to.deep.equal({ nslabs, nareas, force, noforce });
    }
  });
});

describe('kernel-api/dma/swiotlb: the default pool', () => {
  it('is 64 MiB at the top of the memory below 4 GiB; 1/32 on machines of less than 1 GiB', () => {
    const slots = (memblock: Memblock): [number, number] => {
      const { base, nslabs } = plan(undefined, memblock);
      return [base, nslabs * 2048];
    };
    expect(slots(BOARD)).to.deep.equal([0x8400_0000 - 4 * MIB, 4 * MIB]);
    expect(slots(memory([0, GIB], [4 * GIB, GIB]))).to.deep.equal([GIB - 64 * MIB, 64 * MIB]);
    expect(slots(memory([2 * GIB, 3 * GIB]))).to.deep.equal([4 * GIB - 64 * MIB, 64 * MIB]);
    expect(slots(memory([0x8000_0000, 16 * MIB], [4 * GIB, 16 * MIB]))).to.deep.equal([0x80f0_0000, MIB]);
  });

  it('is there if some memory is out of reach, or caches are in the way, or it is asked for', () => {
    expect(plan(undefined, LOW).base).to.equal(-1);
    expect(plan('2048', LOW).base, 'a size alone asks for nothing').to.equal(-1);
    expect(plan(undefined, memory([4 * GIB, GIB])).base).to.equal(-1);
    expect(plan('force', LOW)).to.deep.equal({ base: 0x8800_0000 - 4 * MIB, nslabs: 2048, nareas: 1, force: true });
    expect(plan('noforce').base).to.equal(-1);
    expect(plan('noforce', LOW, { cacheAlignment: 64, isGuest: true }).base).to.equal(-1);
  });

  it('is small where only small buffers are bounced, and may lie anywhere', () => {
    const caches = { cacheAlignment: 64, isGuest: false };
    expect(plan(undefined, LOW, caches)).to.include({ nslabs: 128, base: 0x8800_0000 - 128 * 2048 });
    expect(plan(undefined, memory([4 * GIB, 8 * GIB]), caches)).to.include({ nslabs: 4096, base: 12 * GIB - 8 * MIB });
    expect(plan('512', LOW, caches).nslabs).to.equal(512);
    expect(plan(undefined, BOARD, caches).nslabs).to.equal(2048);
  });

  it('is larger for a confidential guest', () => {
    const guest = { cacheAlignment: 64, isGuest: true };
    expect(plan(undefined, LOW, guest)).to.include({ nslabs: 4096, base: 0x8800_0000 - 8 * MIB });
    expect(plan(undefined, memory([0, 2 * GIB]), guest).nslabs * 2048).to.equal(128 * MIB);
    expect(plan('1024', LOW, guest).nslabs).to.equal(1024);
  });

  it('has powers of two of slots and areas, with a segment at least for each area', () => {
    const shape = (value: string): [number, number] => {
      const { nslabs, nareas } = plan(value);
      return [nslabs, nareas];
    };
    expect(shape('0')).to.deep.equal([128, 1]);
    expect(shape('1000')).to.deep.equal([1024, 1]);
    expect(shape('1100')).to.deep.equal([2048, 1]);
    expect(shape('128,4')).to.deep.equal([512, 4]);
    expect(shape('2048,3')).to.deep.equal([2048, 4]);
    expect(shape('2048,0')).to.deep.equal([2048, 1]);
  });

  it('is halved until it fits, down to 1 MiB, and leaves reserved memory alone', () => {
    expect(plan('99999999999999999999').nslabs, 'what 64 MiB hold').to.equal(32768);
    const tight: Memblock = { ...BOARD, reserved: [{ base: physAddr(0x8030_0000), size: 61 * MIB }] };
    expect(plan('32768', tight)).to.include({ base: 0x8010_0000, nslabs: 1024 });
    expect(plan('32768,16', tight).nareas).to.equal(8);
    const none: Memblock = { ...BOARD, reserved: [{ base: physAddr(0x8008_0000), size: 64 * MIB }] };
    expect(plan('32768', none).base).to.equal(-1);
    expect(plan('256', none)).to.include({ base: 0x8000_0000, nslabs: 256 });
  });
});
