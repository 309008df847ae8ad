import { formats, scenario } from 'dmalab';
import { anywhere, cutAnywhere, someLengths } from './lib/lengths';
import { bindEngine, engineNode } from './lib/prototype-port';
import { ScatteredBuffer } from './lib/scattered-buffer';
import { Traffic } from './lib/traffic';

const ITEMS = 12;
const COPIES = 18;

export default scenario({
  name: 'linked-list-items',
  description: 'copies of scattered lists by linked-list items of the DesignWare AXI DMA controller',
  machine: { nodes: [engineNode('engine', formats.dwAxiDmacList)] },
  matrix: { translation: 'all', coherency: 'all', mask: 'all', cache: 'all' },
  async run(lab) {
    // Lengths are counted in items of 2 ** SRC_TR_WIDTH bytes. The driver leaves that 0: bytes.
    const { port, unbind } = await bindEngine(lab, formats.dwAxiDmacList, [{ entries: ITEMS }]);
    const copies = someLengths(lab, COPIES).map((lengths, i) => {
      const from = new ScatteredBuffer(lab, anywhere(lab, lengths), `source ${i}`);
      const to = new ScatteredBuffer(lab, anywhere(lab, cutAnywhere(lab, from.length, 2)), `destination ${i}`);
      from.fill(i);
      to.fill(~i);
      return { from, to };
    });

    const lists = copies.map(({ from, to }) => ({ out: from.sgt, in: to.sgt }));
    const traffic = new Traffic(lab, 'engine', port.queues[0]!, lists);
    await traffic.finished();
    lab.check(traffic.full > 0, 'there should be more copies than the list has room for');

    for (const [i, { from, to }] of copies.entries()) {
      from.expect(i, `source ${i}`);
      to.expect(i, `destination ${i}`);
      from.free();
      to.free();
    }
    await unbind();
    lab.note(`${COPIES} copies with ${ITEMS} items, all of which were in use ${traffic.full} times`);
  },
});
