import { expect } from 'chai';
import { pageOf, physAddr } from '../../base/address';
import type { BootedKernel } from '../../kernel-api/boot/boot';
import { GFP_KERNEL } from '../../kernel-api/gfp';
import { phys_to_virt } from '../../kernel-api/mm/layout';
import type { Machine } from '../../lab/machine';
import { onMachine } from '../support/on-machine';
import { BACK_ENDS, CACHED_BACK_ENDS, DIRECT, machineWith, withCache } from './lib/back-ends';
import { violations } from './lib/demands';
import { KINDS } from './lib/memory-kinds';
import { Point, type Course } from './lib/point';
import { Witness } from './lib/witness';

interface Rig {
  readonly kernel: BootedKernel;
  readonly machine: Machine;
  readonly witness: Witness;
  /** A page that the CPU has just filled, and that lies in its cache. */
  readonly page: number;
}

const rig = (mischief: boolean, body: (rig: Rig) => void): Promise<void> =>
  onMachine(machineWith(withCache(DIRECT, mischief), 'linux', ['one']), (kernel, machine) => {
    const page = kernel.mm.allocPfn(GFP_KERNEL, 0);
    kernel.mm.write(
      phys_to_virt(physAddr(page * 4096)),
      Uint8Array.from({ length: 4096 }, (_, i) => i),
    );
    const witness = new Witness(machine, 'one');
    witness.begin();
    body({ kernel, machine, witness, page });
  });

describe('what the sweep sees of RAM and cache', () => {
  for (const mischief of [false, true]) {
    const kind = mischief ? 'an adversarial cache' : 'a cache';
    it(`${kind} that writes lines back, drops and fetches them is nobody's doing`, () =>
      rig(mischief, ({ machine, kernel, witness, page }) => {
        const { memory, bus } = machine.hardware;
        const before = new Uint8Array(1);
        bus.peek(page * 4096 + 77, before, 0, 1);
        memory!.operate('clean', page * 4096, 2048);
        memory!.operate('flush', page * 4096 + 2048, 1024);
        kernel.cpu.elapse(20_000);
        kernel.cpu.load32(physAddr(page * 4096 + 2048));
        const after = new Uint8Array(1);
        bus.peek(page * 4096 + 77, after, 0, 1);
        if (!mischief) expect([before[0], after[0]]).to.deep.equal([0, 77]);
        expect(witness.changed()).to.deep.equal([]);
      }));

    it(`${kind}: what a device writes is seen, whether the CPU's lines are written back or not`, () =>
      rig(mischief, ({ machine, witness, page }) => {
        const port = machine.hardware.port('one');
        expect(port.write(page, 130, Uint8Array.of(0xee), 0, 1)).to.equal(0);
        expect(witness.changed()).to.deep.equal([page]);
        machine.hardware.memory!.operate('invalidate', page * 4096, 4096);
        expect(witness.changed()).to.deep.equal([page]);
        expect(witness.writes).to.equal(1);
      }));

    it(`${kind}: a byte that changes in the cache alone is seen`, () =>
      rig(mischief, ({ machine, witness, page }) => {
        const { cache } = machine.hardware.memory!;
        cache.forEachLine((line, slot) => {
          if (pageOf(physAddr(line * 64)) === page) cache.bytes[slot * 64]! ^= 1;
        });
        expect(witness.changed()).to.deep.equal([page]);
      }));
  }

  it('is damage where the gate lets everything through', async () => {
    for (const backEnd of [...BACK_ENDS, ...CACHED_BACK_ENDS].filter(({ translated }) => !translated)) {
      const course: Course = {
        backEnd,
        revocation: 'strict',
        careful: false,
        share: KINDS['streaming maps']!,
        situation: 'by a task',
        breakage: (_kernel, machine) => void (machine.hardware.gate.admits = () => true),
      };
      const found = violations(course, await Point.run(course, 9));
      expect(found, backEnd.name).to.include('the device reached memory').and.to.include('RAM or cache changed');
    }
  });
});
