import { keepHeapSmall } from './heap.js';

// Before anything else is loaded: loading it would make the young generation grow.
keepHeapSmall();
await import('./main/process.js');
