import { PrototypeEngine, formats, scenario } from 'dmalab';
import { loopPackets } from './lib/packet-loop';
import { bindEngine, engineNode } from './lib/prototype-port';

const DESCRIPTORS = 8;
const PACKETS = 18;
const STREAM_BYTES = 1 << 18;

export default scenario({
  name: 'axi-dma-loop',
  description: 'packets through the two channels of the Xilinx AXI DMA, memory to stream and stream to memory',
  machine: {
    nodes: [
      engineNode('mm2s', formats.xilinxAxiDmaMm2s, { keepBytes: STREAM_BYTES }),
      engineNode('s2mm', formats.xilinxAxiDmaS2mm, { streamBytes: STREAM_BYTES }),
    ],
  },
  matrix: { translation: 'all', coherency: 'all', mask: 'all', cache: 'all' },
  async run(lab) {
    const { hardware } = lab.machine;
    const mm2s = await bindEngine(lab, formats.xilinxAxiDmaMm2s, [{ entries: DESCRIPTORS }]);
    const s2mm = await bindEngine(lab, formats.xilinxAxiDmaS2mm, [{ entries: DESCRIPTORS, stream: { packets: true } }]);
    await loopPackets(lab, {
      sender: { device: 'mm2s', queue: mm2s.port.queues[0]! },
      receiver: { device: 's2mm', queue: s2mm.port.queues[0]! },
      packets: PACKETS,
      // What a packet leaves of its last descriptors would be the next one's.
      spare: 0,
      wire: () => {
        const into = hardware.device('s2mm', PrototypeEngine).stream(0);
        for (const packet of hardware.device('mm2s', PrototypeEngine).stream(0).receivedPackets()) {
          lab.check(into.inject(packet), 'the stream should have room');
        }
      },
    });
    await mm2s.unbind();
    await s2mm.unbind();
    lab.note(`${PACKETS} packets through rings of ${DESCRIPTORS} descriptors`);
  },
});
