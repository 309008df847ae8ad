import { PAGE_SIZE, formats, scenario, type PrototypeQueue, type ScenarioContext } from 'dmalab';
import { anywhere, cutAnywhere } from './lib/lengths';
import { bindEngine, engineNode } from './lib/prototype-port';
import { ScatteredBuffer, type Piece } from './lib/scattered-buffer';
import { Traffic } from './lib/traffic';

const DEVICE = 'nvme';
const PRP = 0;
const SGL = 1;
const ENTRIES = 4;
const BLOCK = 512;
/** Blocks of each command: one, about a page, several pages, and more commands than a queue holds. */
const BLOCKS = [1, 7, 8, 9, 29, 2, 1];

type Pieces = (lab: ScenarioContext, length: number) => Piece[];

/** Pages may lie anywhere, but leave no gaps: the first may begin within its page, and the last end there. */
const inPages: Pieces = ({ rng }, length) => {
  const offset = BLOCK * rng.between(1, 7);
  const pieces = [{ offset, length: Math.min(length, PAGE_SIZE - offset) }];
  for (let at = pieces[0]!.length; at < length; at += PAGE_SIZE) {
    pieces.push({ offset: 0, length: Math.min(PAGE_SIZE, length - at) });
  }
  return pieces;
};

const inPieces: Pieces = (lab, length) => anywhere(lab, cutAnywhere(lab, length, 5));

const buffersFor = (lab: ScenarioContext, pieces: Pieces, what: string, seed: (i: number) => number) =>
  BLOCKS.map((blocks, i) => {
    const buffer = new ScatteredBuffer(lab, pieces(lab, blocks * BLOCK), `${what} ${i}`);
    buffer.fill(seed(i));
    return buffer;
  });

/** Writes all, then reads all: the engine gives back what it was given, in the same order. */
const writeAndRead = async (lab: ScenarioContext, queue: PrototypeQueue, pieces: Pieces, what: string) => {
  const written = buffersFor(lab, pieces, `${what} write`, (i) => i);
  const writes = new Traffic(
    lab,
    DEVICE,
    queue,
    written.map(({ sgt }) => ({ out: sgt })),
  );
  await writes.finished();

  const read = buffersFor(lab, pieces, `${what} read`, (i) => ~i);
  const reads = new Traffic(
    lab,
    DEVICE,
    queue,
    read.map(({ sgt }) => ({ in: sgt })),
  );
  await reads.finished();
  lab.check(writes.full > 0 && reads.full > 0, 'there should be more commands than the queue has room for');

  for (const [i, buffer] of written.entries()) buffer.expect(i, `${what} write ${i}`);
  for (const [i, buffer] of read.entries()) buffer.expect(i, `${what} read ${i}`);
  for (const buffer of [...written, ...read]) buffer.free();
};

export default scenario({
  name: 'nvme-queues',
  description: 'NVMe writes and reads, one queue with lists of pages (PRP) and one with lists of segments (SGL)',
  machine: { nodes: [engineNode(DEVICE, formats.nvmeIo)] },
  matrix: { translation: 'all', coherency: 'all', mask: 'all', cache: 'all' },
  async run(lab) {
    const { port, unbind } = await bindEngine(lab, formats.nvmeIo, [
      { entries: ENTRIES, stream: { packets: true, loopTo: PRP } },
      {
        entries: ENTRIES,
        stream: { packets: true, loopTo: SGL },
        // What the data pointer of a command is, is for its driver to say.
        prepare: (command) => (command['PSDT'] = 1),
      },
    ]);
    await writeAndRead(lab, port.queues[PRP]!, inPages, 'PRP');
    await writeAndRead(lab, port.queues[SGL]!, inPieces, 'SGL');
    await unbind();
    lab.note(`${4 * BLOCKS.length} commands through queues of ${ENTRIES} entries`);
  },
});
