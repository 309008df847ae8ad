import {
  bits,
  counts,
  descriptor,
  flag,
  format,
  marks,
  parameter,
  ring,
  values,
  word16,
  word32,
  word64,
  word8,
} from '../../base/descriptor';
import { adminCommands, adminOpcodes } from './nvme-admin-commands';
import { ioCommands, ioOpcodes } from './nvme-io-commands';
import { dataPointer, nvmePrp, nvmeSglDesc } from './nvme-sgl';

/** NVMe queues: NVM Express base specification, and for I/O commands the NVM Command Set specification. */

/** Bytes of a memory page: `CC.MPS`. */
export const MEMORY_PAGE = parameter('page', 4096);

/** Section "Submission Queue Entry": what is the same in all commands, before the dwords of the command. */
const common = {
  FLAGS: word8({
    FUSE: bits(1, 0, values({ normal: 0b00, first: 0b01, second: 0b10 }), 'fused operation'),
    PSDT: bits(7, 6, values({ prp: 0b00, sgl: 0b01, sgl_metadata_sgl: 0b10 }), 'what the data pointer is'),
  }),
  CID: word16(counts('id'), 'command identifier'),
  NSID: word32(undefined, 'namespace'),
  CDW2: word32(),
  CDW3: word32(),
  MPTR: word64(undefined, 'metadata, which is not looked at'),
  DPTR: dataPointer,
} as const;

/** An entry of an I/O submission queue, of the NVM command set. */
export const nvmeIoSqe = descriptor(
  'nvme_io_sqe',
  { OPC: word8(ioOpcodes), ...common, cmd: ioCommands },
  { align: 64, size: 64, doc: 'an entry of an I/O submission queue' },
);

/** An entry of the admin submission queue. */
export const nvmeAdminSqe = descriptor(
  'nvme_admin_sqe',
  { OPC: word8(adminOpcodes), ...common, cmd: adminCommands },
  { align: 64, size: 64, doc: 'an entry of the admin submission queue' },
);

/** Section "Completion Queue Entry". */
export const nvmeCqe = descriptor(
  'nvme_cqe',
  {
    RESULT: word32(undefined, 'as the command says'),
    RESULT_HIGH: word32(undefined, 'as the command says'),
    SQHD: word16(counts('head'), 'where the head of the submission queue is now'),
    SQID: word16(counts('queue'), 'the submission queue'),
    CID: word16(counts('id'), 'the command'),
    STATUS: word16({
      P: flag(0, marks('phase')),
      SC: bits(8, 1, counts('status'), 'status code'),
      SCT: bits(11, 9, undefined, 'its type: 0 generic, 1 command specific, 2 media, 3 path'),
      CRD: bits(13, 12, undefined, 'command retry delay'),
      M: flag(14, undefined, 'there is more in the error log'),
      DNR: flag(15, undefined, 'do not retry'),
    }),
  },
  { align: 16, size: 16, doc: 'an entry of a completion queue' },
);

const queue = {
  follow: ring(),
  pieces: {
    kind: 'by-shape',
    pages: { kind: 'pages', page: MEMORY_PAGE, element: nvmePrp },
    segments: { kind: 'segments', element: nvmeSglDesc, limit: 4096 },
  },
  ownership: { kind: 'indices' },
  completion: { kind: 'queue', entry: nvmeCqe },
  doorbell: { register: 'SQyTDBL', value: 'tail-index' },
} as const;

/** I/O queues of the NVM command set. Parameters: `block`, bytes of a logical block, and `page`, bytes of a memory page. */
export const nvmeIo = format({
  ...queue,
  name: 'nvme-io',
  doc: 'NVM Express base specification, NVM command set: I/O queues',
  entry: nvmeIoSqe,
});

/** The admin queue. Parameter: `page`, bytes of a memory page. */
export const nvmeAdmin = format({
  ...queue,
  name: 'nvme-admin',
  doc: 'NVM Express base specification: the admin queue',
  entry: nvmeAdminSqe,
});
