import { formats, scenario } from 'dmalab';
import { EDGES, anywhere, cutAnywhere } from './lib/lengths';
import { bindEngine, engineNode } from './lib/prototype-port';
import { ScatteredBuffer } from './lib/scattered-buffer';
import { Traffic } from './lib/traffic';

const ENTRIES = 16;
const ROUNDS = 2;

export default scenario({
  name: 'linked-list-items',
  description: 'copies of scattered lists by linked-list items of the DesignWare AXI DMA controller',
  machine: { nodes: [engineNode('engine', formats.dwAxiDmacList)] },
  matrix: { translation: 'all', coherency: 'all', mask: 'all', cache: 'all' },
  async run(lab) {
    // Lengths are counted in items of 2 ** SRC_TR_WIDTH bytes: here in bytes, which is what a zero means.
    const { port, unbind } = await bindEngine(lab, formats.dwAxiDmacList, [{ entries: ENTRIES }]);
    const copies = Array.from({ length: ROUNDS }, () => EDGES)
      .flat()
      .map((lengths, i) => {
        const from = new ScatteredBuffer(lab, anywhere(lab, lengths), `source ${i}`);
        const to = new ScatteredBuffer(lab, anywhere(lab, cutAnywhere(lab, from.length, 3)), `destination ${i}`);
        from.fill(i);
        to.fill(~i);
        return { from, to };
      });

    const traffic = new Traffic(
      lab,
      'engine',
      port.queues[0]!,
      copies.map(({ from, to }) => ({ out: from.sgt, in: to.sgt })),
    );
    await traffic.finished();
    lab.check(traffic.full > 0, 'there should be more requests than the queue holds');

    for (const [i, { from, to }] of copies.entries()) {
      from.expect(i, `source ${i}`);
      to.expect(i, `destination ${i}`);
      from.free();
      to.free();
    }
    await unbind();
    lab.note(`${copies.length} copies in a ring of ${ENTRIES} items, which was full ${traffic.full} times`);
  },
});
