import { fuzzFormats } from './fuzz-memory';

fuzzFormats((index) => index % 2 === 1);
